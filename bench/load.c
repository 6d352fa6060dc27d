/* A closed-loop HTTP/1.1 load driver: each connection sends a prepared request, waits for the whole response, and sends
 * the next. One thread, no pipelining, no other work while it measures.
 *
 *   load PORT CONNECTIONS SECONDS FILE
 *
 * FILE holds requests, each after its length (uint32, native order). With SECONDS they are sent repeatedly for that
 * time; with 0 each is sent once. It prints one JSON object: elapsed_s, refused (responses that are not 2xx), first_refused
 * and latencies_us. If a connection breaks or a response has no Content-Length, it exits with 1 and prints no figures.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { LARGEST_RESPONSE = 1 << 20, MOST_CONNECTIONS = 256, TIMEOUT_MS = 20000 };

struct request { const char *text; uint32_t length; };
struct connection { const char *unsent; uint32_t unsent_length; double sent_at; char *response; size_t filled; };

static struct request *requests;
static size_t request_count, issued, refused;
static struct connection connections[MOST_CONNECTIONS];
static struct pollfd sockets[MOST_CONNECTIONS];
static uint32_t *latencies_us;
static size_t answered, capacity;
static char first_refused[64];

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec * 1e-9;
}

static void give_up(const char *what)
{
    fprintf(stderr, "load: %s\n", what);
    exit(1);
}

static void read_requests(const char *path)
{
    int file = open(path, O_RDONLY);
    struct stat status;
    if (file < 0 || fstat(file, &status) || status.st_size == 0) give_up("cannot read the requests");
    const char *at = mmap(NULL, status.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, file, 0);
    if (at == MAP_FAILED) give_up("cannot map the requests");
    for (const char *end = at + status.st_size; at < end; request_count++) {
        if (request_count % 1024 == 0) requests = realloc(requests, (request_count + 1024) * sizeof *requests);
        memcpy(&requests[request_count].length, at, 4);
        requests[request_count].text = at + 4;
        at += 4 + requests[request_count].length;
    }
}

static int connect_to(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int on = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address)) give_up("connection refused");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

static void send_rest(int index)
{
    struct connection *one = &connections[index];
    ssize_t sent = send(sockets[index].fd, one->unsent, one->unsent_length, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) { one->unsent += sent; one->unsent_length -= sent; }
    sockets[index].events = one->unsent_length ? POLLIN | POLLOUT : POLLIN;
}

static void send_next(int index)
{
    struct request *next = &requests[issued++ % request_count];
    connections[index].unsent = next->text;
    connections[index].unsent_length = next->length;
    connections[index].filled = 0;
    connections[index].sent_at = now();
    send_rest(index);
}

/* Return 1 and count the response if it is complete. */
static int finish(struct connection *one)
{
    one->response[one->filled] = 0;
    char *end = memmem(one->response, one->filled, "\r\n\r\n", 4);
    if (!end) return 0;
    char *length = strcasestr(one->response, "\r\ncontent-length:");
    if (!length || length > end) give_up("a response has no Content-Length");
    if (one->filled < (size_t)(end + 4 - one->response) + strtoul(length + 17, NULL, 10)) return 0;
    if (answered == capacity) latencies_us = realloc(latencies_us, (capacity += 65536) * sizeof *latencies_us);
    latencies_us[answered++] = (now() - one->sent_at) * 1e6;
    if (one->response[9] != '2' && refused++ == 0) {
        *strstr(one->response, "\r\n") = 0;
        for (size_t at = 0, to = 0; one->response[at] && to < sizeof first_refused - 1; at++)
            if (one->response[at] >= ' ' && one->response[at] != '"' && one->response[at] != '\\')
                first_refused[to++] = one->response[at];
    }
    return 1;
}

static int receive(int index)
{
    struct connection *one = &connections[index];
    if (one->filled == LARGEST_RESPONSE) give_up("a response exceeds 1 MiB");
    ssize_t got = recv(sockets[index].fd, one->response + one->filled, LARGEST_RESPONSE - one->filled, 0);
    if (got <= 0) give_up("a connection broke");
    one->filled += got;
    return finish(one);
}

int main(int argc, char **argv)
{
    if (argc != 5) give_up("usage: load PORT CONNECTIONS SECONDS FILE");
    int count = atoi(argv[2]), busy = 0;
    double seconds = atof(argv[3]), last_at;
    read_requests(argv[4]);
    if (count < 1 || count > MOST_CONNECTIONS) give_up("CONNECTIONS must be 1 to 256");
    for (int index = 0; index < count; index++) {
        sockets[index].fd = connect_to(atoi(argv[1]));
        connections[index].response = malloc(LARGEST_RESPONSE + 1);
    }
    double started_at = last_at = now(), end_at = started_at + seconds;
    for (int index = 0; index < count && (seconds > 0 || issued < request_count); index++, busy++) send_next(index);
    while (busy) {
        if (poll(sockets, count, TIMEOUT_MS) == 0) give_up("no response for 20 s");
        for (int index = 0; index < count; index++) {
            if (sockets[index].revents & POLLOUT) send_rest(index);
            if (!(sockets[index].revents & (POLLIN | POLLHUP | POLLERR)) || !receive(index)) continue;
            last_at = now();
            if (seconds > 0 ? last_at < end_at : issued < request_count) send_next(index);
            else { sockets[index].fd = -1; busy--; }
        }
    }
    printf("{\"elapsed_s\":%.6f,\"refused\":%zu,\"first_refused\":\"%s\",\"latencies_us\":[", last_at - started_at, refused, first_refused);
    for (size_t index = 0; index < answered; index++) printf(index ? ",%u" : "%u", latencies_us[index]);
    puts("]}");
    return 0;
}
