// Messages over a socket, each with at most one open file: sendmsg's control data is built of macros that Swift can't see.
#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

int provision_message_sockets(int ends[2]) { return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends); }

ssize_t provision_send_message(int socket, const void *bytes, size_t size, int file, int wait) {
    struct iovec part = {.iov_base = (void *)bytes, .iov_len = size};
    union { char bytes[CMSG_SPACE(sizeof(int))]; struct cmsghdr alignment; } control = {0};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (file >= 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof control.bytes;
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), &file, sizeof file);
    }
    ssize_t count;
    do count = sendmsg(socket, &message, MSG_NOSIGNAL | (wait ? 0 : MSG_DONTWAIT));
    while (count < 0 && errno == EINTR);
    return count;
}

ssize_t provision_receive_message(int socket, void *bytes, size_t size, int *file) {
    struct iovec part = {.iov_base = bytes, .iov_len = size};
    union { char bytes[CMSG_SPACE(sizeof(int))]; struct cmsghdr alignment; } control;
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
    *file = -1;
    ssize_t count;
    do count = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    while (count < 0 && errno == EINTR);
    if (count < 0) return count;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header))
        if (header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS)
            memcpy(file, CMSG_DATA(header), sizeof *file);
    if (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
        if (*file >= 0) close(*file);
        *file = -1;
        errno = EMSGSIZE;
        return -1;
    }
    return count;
}
