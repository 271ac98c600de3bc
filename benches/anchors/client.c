/* A client that adds as little as possible to what it measures: blocking sockets, one request at
 * a time, one system call for each direction.
 *
 *   client PORT keep|close COUNT REQUEST-FILE
 *
 * With "keep" all requests go over one connection, with "close" each has its own. The file holds
 * one or more complete requests, which are sent in turn, again and again. Every reply must have
 * the status 200 and a Content-Length. Prints nanoseconds: the median and the 99th percentile of
 * round trips, and the mean.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_REPLY (8 << 20)

static char *reply;

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static long now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000L + t.tv_nsec;
}

static int connect_to(int port) {
    int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address))
        fail("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

/* One whole reply from fd. */
static void receive(int fd) {
    size_t have = 0, want = 0;
    while (!want || have < want) {
        ssize_t got = recv(fd, reply + have, MAX_REPLY - have, 0);
        if (got <= 0)
            fail("recv");
        have += got;
        if (!want) {
            reply[have] = 0;
            char *end = strstr(reply, "\r\n\r\n");
            if (!end)
                continue;
            char *length = strcasestr(reply, "\r\ncontent-length:");
            if (strncmp(reply, "HTTP/1.1 200", 12) || !length || length > end) {
                fprintf(stderr, "not a reply with status 200 and a length: %.60s\n", reply);
                exit(1);
            }
            want = end + 4 - reply + strtoul(length + 17, NULL, 10);
        }
    }
    if (have != want) {
        fprintf(stderr, "%zu bytes instead of %zu\n", have, want);
        exit(1);
    }
}

static int ascending(const void *a, const void *b) {
    long x = *(const long *)a, y = *(const long *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv) {
    if (argc != 5)
        return fprintf(stderr, "usage: client PORT keep|close COUNT REQUEST-FILE\n"), 2;
    int port = atoi(argv[1]), keep = !strcmp(argv[2], "keep"), fd = -1;
    long count = atol(argv[3]);
    FILE *file = fopen(argv[4], "rb");
    static char requests[64 << 20];
    size_t size = file ? fread(requests, 1, sizeof requests - 1, file) : 0;
    if (!size)
        fail("requests");
    reply = malloc(MAX_REPLY + 1);
    long *took = malloc(count * sizeof *took);
    char *next = requests, *last = requests + size;
    if (keep)
        fd = connect_to(port);
    long begin = now();
    for (long i = 0; i < count; i++) {
        char *end = strstr(next, "\r\n\r\n") + 4;
        long start = now();
        if (!keep)
            fd = connect_to(port);
        if (send(fd, next, end - next, MSG_NOSIGNAL) != end - next)
            fail("send");
        receive(fd);
        if (!keep)
            close(fd);
        took[i] = now() - start;
        next = end >= last ? requests : end;
    }
    long all = now() - begin;
    qsort(took, count, sizeof *took, ascending);
    printf("%ld %ld %ld\n", took[count / 2], took[count * 99 / 100], all / count);
    return 0;
}
