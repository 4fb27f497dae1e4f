// The system calls as the linker sees them: `recv` of the code under test is bound to `__wrap_recv`
// here, and `__real_recv` is the C library's. What does not concern the shim goes there.
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstdarg>

#include "tests/support/shim/system.hpp"

using ifmatch::shim::System;

namespace {

System* owner_of(int descriptor) {
  System* const system = System::current();
  return system != nullptr && system->owns(descriptor) ? system : nullptr;
}

}  // namespace

extern "C" {

ssize_t __real_recv(int, void*, std::size_t, int);
ssize_t __real_recvmsg(int, msghdr*, int);
ssize_t __real_send(int, const void*, std::size_t, int);
ssize_t __real_sendmsg(int, const msghdr*, int);
int __real_socket(int, int, int);
int __real_connect(int, const sockaddr*, socklen_t);
int __real_close(int);
int __real_shutdown(int, int);
int __real_ioctl(int, unsigned long, void*);
int __real_setsockopt(int, int, int, const void*, socklen_t);
int __real_getsockopt(int, int, int, void*, socklen_t*);
int __real_poll(pollfd*, nfds_t, int);
int __real_epoll_create1(int);
int __real_epoll_ctl(int, int, int, epoll_event*);
int __real_epoll_wait(int, epoll_event*, int, int);
int __real_timerfd_create(int, int);
std::chrono::steady_clock::time_point __real__ZNSt6chrono3_V212steady_clock3nowEv();

ssize_t __wrap_recv(int descriptor, void* octets, std::size_t size, int flags) {
  System* const system = owner_of(descriptor);
  if (system == nullptr) return __real_recv(descriptor, octets, size, flags);
  const iovec piece{octets, size};
  return system->receive(descriptor, {&piece, 1}, (flags & MSG_PEEK) != 0);
}

ssize_t __wrap_recvmsg(int descriptor, msghdr* message, int flags) {
  System* const system = owner_of(descriptor);
  if (system == nullptr) return __real_recvmsg(descriptor, message, flags);
  return system->receive(descriptor, {message->msg_iov, message->msg_iovlen},
                         (flags & MSG_PEEK) != 0);
}

ssize_t __wrap_send(int descriptor, const void* octets, std::size_t size, int flags) {
  System* const system = owner_of(descriptor);
  if (system == nullptr) return __real_send(descriptor, octets, size, flags);
  const iovec piece{const_cast<void*>(octets), size};
  return system->send(descriptor, {&piece, 1});
}

ssize_t __wrap_sendmsg(int descriptor, const msghdr* message, int flags) {
  System* const system = owner_of(descriptor);
  if (system == nullptr) return __real_sendmsg(descriptor, message, flags);
  return system->send(descriptor, {message->msg_iov, message->msg_iovlen});
}

int __wrap_socket(int domain, int type, int protocol) {
  System* const system = System::current();
  const bool internet = domain == AF_INET || domain == AF_INET6;
  if (system == nullptr || !internet) return __real_socket(domain, type, protocol);
  return system->open_socket();
}

int __wrap_connect(int descriptor, const sockaddr* address, socklen_t size) {
  System* const system = owner_of(descriptor);
  return system != nullptr ? system->connect(descriptor)
                           : __real_connect(descriptor, address, size);
}

int __wrap_close(int descriptor) {
  System* const system = owner_of(descriptor);
  return system != nullptr ? system->close(descriptor) : __real_close(descriptor);
}

int __wrap_shutdown(int descriptor, int how) {
  System* const system = owner_of(descriptor);
  return system != nullptr ? system->shut_down(descriptor, how) : __real_shutdown(descriptor, how);
}

int __wrap_ioctl(int descriptor, unsigned long request, ...) {
  std::va_list arguments;
  va_start(arguments, request);
  void* const argument = va_arg(arguments, void*);
  va_end(arguments);
  // Ours never block, whatever is asked of them.
  return owner_of(descriptor) != nullptr ? 0 : __real_ioctl(descriptor, request, argument);
}

int __wrap_setsockopt(int descriptor, int level, int option, const void* value, socklen_t size) {
  System* const system = owner_of(descriptor);
  if (system == nullptr) return __real_setsockopt(descriptor, level, option, value, size);
  if (level == SOL_SOCKET && option == SO_LINGER) {
    const auto* const asked = static_cast<const linger*>(value);
    system->linger(descriptor, asked->l_onoff != 0 && asked->l_linger == 0);
  }
  return 0;
}

int __wrap_getsockopt(int descriptor, int level, int option, void* value, socklen_t* size) {
  System* const system = owner_of(descriptor);
  if (system == nullptr) return __real_getsockopt(descriptor, level, option, value, size);
  if (level != SOL_SOCKET || option != SO_ERROR) {
    errno = ENOPROTOOPT;
    return -1;
  }
  *static_cast<int*>(value) = system->socket_error(descriptor);
  return 0;
}

int __wrap_poll(pollfd* asked, nfds_t count, int timeout) {
  System* const system = count == 1 ? owner_of(asked->fd) : nullptr;
  if (system == nullptr) return __real_poll(asked, count, timeout);
  asked->revents = system->poll(asked->fd, asked->events);
  return asked->revents != 0 ? 1 : 0;
}

int __wrap_epoll_create1(int flags) {
  System* const system = System::current();
  return system != nullptr ? system->open_poller() : __real_epoll_create1(flags);
}

int __wrap_epoll_ctl(int poller, int operation, int descriptor, epoll_event* event) {
  System* const system = owner_of(poller);
  return system != nullptr ? system->control(poller, operation, descriptor, event)
                           : __real_epoll_ctl(poller, operation, descriptor, event);
}

int __wrap_epoll_wait(int poller, epoll_event* events, int count, int timeout) {
  System* const system = owner_of(poller);
  return system != nullptr ? system->wait(poller, events, count)
                           : __real_epoll_wait(poller, events, count, timeout);
}

// Without it Asio looks at its timers itself whenever it polls: by our clock.
int __wrap_timerfd_create(int clock, int flags) {
  if (System::current() == nullptr) return __real_timerfd_create(clock, flags);
  errno = ENOSYS;
  return -1;
}

std::chrono::steady_clock::time_point __wrap__ZNSt6chrono3_V212steady_clock3nowEv() {
  System* const system = System::current();
  return system != nullptr ? system->now() : __real__ZNSt6chrono3_V212steady_clock3nowEv();
}

}  // extern "C"
