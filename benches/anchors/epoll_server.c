/* What an HTTP server costs at least: accept, recv, find the end of the head, send a prepared
 * reply, close if asked to. It is an anchor, not a server: it reads no target and checks nothing.
 *
 *   epoll_server PORT REPLY-FILE
 *
 * The file holds a complete reply to a kept-alive request. TCP_DEFER_ACCEPT lets the first request
 * be read right after accept.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static char keep_reply[4 << 20], close_reply[4 << 20];
static size_t keep_size, close_size;

/* Read and answer what has come; whether the connection goes on. */
static int serve(int fd) {
    char request[65536];
    ssize_t got = recv(fd, request, sizeof request - 1, MSG_DONTWAIT);
    if (got <= 0)
        return got < 0; /* nothing yet, or the end */
    request[got] = 0;
    int closing = strcasestr(request, "\r\nconnection: close") != NULL;
    const char *reply = closing ? close_reply : keep_reply;
    size_t size = closing ? close_size : keep_size;
    while (size) {
        ssize_t sent = send(fd, reply, size, MSG_NOSIGNAL);
        if (sent <= 0)
            return 0;
        reply += sent;
        size -= sent;
    }
    return !closing;
}

int main(int argc, char **argv) {
    if (argc != 3)
        return fprintf(stderr, "usage: epoll_server PORT REPLY-FILE\n"), 2;
    FILE *file = fopen(argv[2], "rb");
    keep_size = file ? fread(keep_reply, 1, sizeof keep_reply, file) : 0;
    char *end = memmem(keep_reply, keep_size, "\r\n\r\n", 4);
    if (!end)
        return fprintf(stderr, "no reply in %s\n", argv[2]), 1;
    size_t head = end - keep_reply;
    memcpy(close_reply, keep_reply, head);
    close_size = head + sprintf(close_reply + head, "\r\nConnection: close");
    memcpy(close_reply + close_size, end, keep_size - head);
    close_size += keep_size - head;

    int listening = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1, seconds = 5;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1]))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    setsockopt(listening, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof seconds);
    if (bind(listening, (struct sockaddr *)&address, sizeof address) || listen(listening, 1024))
        return perror("bind"), 1;
    int poll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listening};
    epoll_ctl(poll, EPOLL_CTL_ADD, listening, &event);
    for (;;) {
        struct epoll_event events[64];
        int count = epoll_wait(poll, events, 64, -1);
        for (int i = 0; i < count; i++) {
            int fd = events[i].data.fd;
            if (fd != listening) {
                if (!serve(fd))
                    close(fd);
                continue;
            }
            while ((fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
                setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
                if (!serve(fd)) {
                    close(fd);
                    continue;
                }
                event.data.fd = fd;
                epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event);
            }
        }
    }
}
