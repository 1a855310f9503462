/*
 * Keeps servers that cannot be told an address on the loopback interface: preload it with LD_PRELOAD.
 *
 * A bind to "any address" becomes a bind to 127.0.0.1 or ::1. A socket that takes IPv4 and IPv6 alike gets the
 * mapped 127.0.0.1, since that is where the harness knocks.
 *
 * The backlog becomes as long as the kernel lets it be. These servers ask for five or ten, and when sixty-four
 * connections come at once, the kernel then keeps some waiting for seconds: it would be chance that is measured.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

int bind(int fd, const struct sockaddr *address, socklen_t length)
{
    int (*next)(int, const struct sockaddr *, socklen_t) =
        (int (*)(int, const struct sockaddr *, socklen_t))dlsym(RTLD_NEXT, "bind");

    if (address->sa_family == AF_INET && length >= sizeof(struct sockaddr_in)) {
        struct sockaddr_in here;
        memcpy(&here, address, sizeof here);
        here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        return next(fd, (struct sockaddr *)&here, sizeof here);
    }
    if (address->sa_family == AF_INET6 && length >= sizeof(struct sockaddr_in6)) {
        struct sockaddr_in6 here;
        int only = 0;
        socklen_t size = sizeof only;
        memcpy(&here, address, sizeof here);
        here.sin6_addr = in6addr_loopback;
        if (getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, &size) == 0 && !only) {
            static const unsigned char mapped[16] = {[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1};
            memcpy(&here.sin6_addr, mapped, sizeof mapped);
        }
        return next(fd, (struct sockaddr *)&here, sizeof here);
    }
    return next(fd, address, length);
}

int listen(int fd, int backlog)
{
    int (*next)(int, int) = (int (*)(int, int))dlsym(RTLD_NEXT, "listen");

    (void)backlog;
    return next(fd, SOMAXCONN);
}
