/* A client that adds as little as possible to what it measures: blocking sockets, one request at
 * a time, one system call for each direction.
 *
 *   client PORT keep|close COUNT REQUEST-FILE [INTERVAL]
 *
 * With "keep" all requests go over one connection, with "close" each has its own. The file holds
 * one or more complete requests, which are sent in turn, again and again. Every reply must have
 * the status 200 and a Content-Length. Writes COUNT numbers of 8 bytes to standard output: what
 * each round trip took, in nanoseconds. With INTERVAL a request is due every so many nanoseconds,
 * and its time counts from then, so that a stall is seen by all that it holds up.
 */
#include "http.h"

#define MAX_REPLY (8 << 20)

static char *reply;

/* One whole reply from fd. */
static void receive(int fd) {
    size_t have = 0, want = 0;
    while (!want || have < want) {
        ssize_t got = recv(fd, reply + have, MAX_REPLY - have, 0);
        if (got <= 0)
            fail("recv");
        have += got;
        if (!want)
            want = reply_size(reply, have);
    }
    if (have != want) {
        fprintf(stderr, "%zu bytes instead of %zu\n", have, want);
        exit(1);
    }
}

static void wait_until(long moment) {
    struct timespec until = {moment / 1000000000L, moment % 1000000000L};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

int main(int argc, char **argv) {
    if (argc != 5 && argc != 6)
        return fprintf(stderr, "usage: client PORT keep|close COUNT REQUEST-FILE [INTERVAL]\n"), 2;
    int port = atoi(argv[1]), keep = !strcmp(argv[2], "keep"), fd = -1;
    size_t count = strtoul(argv[3], NULL, 10);
    struct request *requests = NULL;
    size_t distinct = load_requests(argv[4], &requests);
    long interval = argc == 6 ? atol(argv[5]) : 0;
    reply = malloc(MAX_REPLY + 1);
    long *took = malloc(count * sizeof *took);
    if (keep)
        fd = connect_to(port);
    long begin = now();
    for (size_t i = 0; i < count; i++) {
        struct request *request = &requests[i % distinct];
        stamp(request);
        long start = now();
        if (interval) {
            long due = begin + (long)i * interval;
            if (due > start)
                wait_until(due);
            start = due;
        }
        if (!keep)
            fd = connect_to(port);
        if (send(fd, request->bytes, request->size, MSG_NOSIGNAL) != (ssize_t)request->size)
            fail("send");
        receive(fd);
        if (!keep)
            close(fd);
        took[i] = now() - start;
    }
    return fwrite(took, sizeof *took, count, stdout) == count ? 0 : 1;
}
