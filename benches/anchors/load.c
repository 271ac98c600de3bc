/* A load generator: many connections at once, each with one request under way.
 *
 *   load PORT keep|close CONNECTIONS MILLISECONDS REQUEST-FILE
 *
 * With "close" each request has a connection of its own, in which its round trip begins. The file
 * is as for the client. Writes one line to standard output: the number of replies, the
 * nanoseconds that they took altogether, and the median and the 99th percentile of round trips
 * in nanoseconds.
 */
#include "http.h"
#include <sys/epoll.h>

#define CHUNK (256 << 10)
#define MAX_SAMPLES (1 << 22)

struct connection {
    int fd;
    size_t have, want, head_size;
    long start;
    char head[4096];
};

static struct request *requests;
static size_t distinct, sent;
static int port, poll;

static void dial(struct connection *connection) {
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    connection->start = now();
    connection->fd = connect_to(port);
    epoll_ctl(poll, EPOLL_CTL_ADD, connection->fd, &event);
}

static void ask(struct connection *connection) {
    struct request *request = &requests[sent++ % distinct];
    stamp(request);
    connection->have = connection->want = connection->head_size = 0;
    if (send(connection->fd, request->bytes, request->size, MSG_NOSIGNAL) < (ssize_t)request->size)
        fail("send");
}

/* Whether the reply is complete. */
static int received(struct connection *connection) {
    static char body[CHUNK];
    if (!connection->want) {
        ssize_t got = recv(connection->fd, connection->head + connection->head_size,
                           sizeof connection->head - 1 - connection->head_size, MSG_DONTWAIT);
        if (got <= 0)
            fail("recv");
        connection->have = connection->head_size += got;
        connection->want = reply_size(connection->head, connection->head_size);
    }
    while (connection->want && connection->have < connection->want) {
        ssize_t got = recv(connection->fd, body, sizeof body, MSG_DONTWAIT);
        if (got < 0)
            return 0;
        if (got == 0)
            fail("recv: the end");
        connection->have += got;
    }
    return connection->want && connection->have == connection->want;
}

static int ascending(const void *a, const void *b) {
    long x = *(const long *)a, y = *(const long *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv) {
    if (argc != 6)
        return fprintf(stderr, "usage: load PORT keep|close CONNECTIONS MILLISECONDS FILE\n"), 2;
    int keep = !strcmp(argv[2], "keep"), count = atoi(argv[3]);
    long most = atol(argv[4]) * 1000000L;
    port = atoi(argv[1]);
    poll = epoll_create1(0);
    distinct = load_requests(argv[5], &requests);
    struct connection *connections = calloc(count, sizeof *connections);
    long *took = malloc(MAX_SAMPLES * sizeof *took);
    for (int i = 0; i < count; i++)
        dial(&connections[i]);
    long begin = now(), end = begin;
    size_t replies = 0;
    for (int i = 0; i < count; i++) {
        connections[i].start = begin;
        ask(&connections[i]);
    }
    while (end - begin < most && replies < MAX_SAMPLES) {
        struct epoll_event events[64];
        int ready = epoll_wait(poll, events, 64, 5000);
        if (ready <= 0)
            return fprintf(stderr, "nothing has come for 5 s\n"), 1;
        for (int i = 0; i < ready && replies < MAX_SAMPLES; i++) {
            struct connection *connection = events[i].data.ptr;
            if (!received(connection))
                continue;
            long moment = now();
            took[replies++] = moment - connection->start;
            connection->start = moment;
            if (!keep) {
                close(connection->fd);
                dial(connection);
            }
            ask(connection);
        }
        end = now();
    }
    qsort(took, replies, sizeof *took, ascending);
    printf("%zu %ld %ld %ld\n", replies, end - begin, took[replies / 2], took[replies * 99 / 100]);
    return 0;
}
