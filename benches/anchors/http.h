/* What the two clients share: requests from a file, connections, and the size of a reply. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* In a request this is replaced by a number that no other request has had. */
#define UNIQUE "@@@@@@@@@@@@@@@@"

struct request {
    char *bytes, *unique;
    size_t size;
};

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

/* All requests of the file, each ended by an empty line; their number. */
static size_t load_requests(const char *path, struct request **requests) {
    FILE *file = fopen(path, "rb");
    static char text[64 << 20];
    size_t size = file ? fread(text, 1, sizeof text - 1, file) : 0, count = 0, room = 0;
    if (!size)
        fail("requests");
    for (char *next = text; next < text + size;) {
        char *end = strstr(next, "\r\n\r\n");
        if (!end)
            break;
        if (count == room)
            *requests = realloc(*requests, (room = 2 * room + 16) * sizeof **requests);
        size_t length = end + 4 - next;
        (*requests)[count++] = (struct request){
            next, memmem(next, length, UNIQUE, sizeof UNIQUE - 1), length};
        next = end + 4;
    }
    return count;
}

/* Make a request differ from every other of this machine's uptime, where it asks for that. */
static void stamp(struct request *request) {
    static unsigned long number;
    if (!request->unique)
        return;
    if (!number)
        number = now();
    char digits[17];
    snprintf(digits, sizeof digits, "%016lx", number++);
    memcpy(request->unique, digits, 16);
}

/* The size of the whole reply that begins with these bytes, or 0 if its head is not complete. */
static size_t reply_size(char *reply, size_t have) {
    reply[have] = 0;
    char *end = strstr(reply, "\r\n\r\n");
    if (!end)
        return 0;
    char *length = strcasestr(reply, "\r\ncontent-length:");
    if (strncmp(reply, "HTTP/1.1 200", 12) || !length || length > end) {
        fprintf(stderr, "not a reply with status 200 and a length: %.60s\n", reply);
        exit(1);
    }
    return end + 4 - reply + strtoul(length + 17, NULL, 10);
}
