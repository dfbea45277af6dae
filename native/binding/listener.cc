#include "binding/listener.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <system_error>
#include <utility>

namespace nereid {
namespace {

// Elsewhere SO_REUSEPORT gives all connections to one of the sockets, or to the newest.
#ifdef __linux__
constexpr bool kSharesPorts = true;
#else
constexpr bool kSharesPorts = false;
#endif

/// Threads: one at a time. Lifetime: closes its descriptor unless it was released. Memory: none.
class Socket {
 public:
  explicit Socket(int fd) noexcept : fd_(fd) {}
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket() {
    if (fd_ >= 0) close(fd_);
  }
  int fd() const noexcept { return fd_; }
  int Release() noexcept { return std::exchange(fd_, -1); }
  bool Set(int level, int option, int value) const noexcept {
    return setsockopt(fd_, level, option, &value, sizeof(value)) == 0;
  }

 private:
  int fd_;
};

/// A listening socket, or the system call that failed and its errno.
struct Opened {
  int fd = -1;
  int port = 0;
  const char* call = nullptr;
  int error = 0;
};

Opened Failed(const char* call, int error) noexcept { return {-1, 0, call, error}; }

enum class Sharing { kAlone, kFirst, kNext };

int NewSocket(int family) noexcept {
#ifdef __linux__
  return socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
#else
  const int fd = socket(family, SOCK_STREAM, 0);
  if (fd >= 0) {
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
  }
  return fd;
#endif
}

int PortOf(int fd) noexcept {
  sockaddr_storage taken{};
  socklen_t bytes = sizeof(taken);
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&taken), &bytes) != 0) return -1;
  return ntohs(taken.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6*>(&taken)->sin6_port
                                           : reinterpret_cast<sockaddr_in*>(&taken)->sin_port);
}

Opened OpenAt(const addrinfo& at, int backlog, Sharing sharing) noexcept {
  Socket made(NewSocket(at.ai_family));
  if (made.fd() < 0) return Failed("socket", errno);
  // As libuv: a port whose last connections still linger may be taken, and `::` hears IPv4 too.
  if (!made.Set(SOL_SOCKET, SO_REUSEADDR, 1)) return Failed("setsockopt", errno);
  if (at.ai_family == AF_INET6 && !made.Set(IPPROTO_IPV6, IPV6_V6ONLY, 0)) return Failed("setsockopt", errno);
  if (sharing == Sharing::kNext && !made.Set(SOL_SOCKET, SO_REUSEPORT, 1)) return Failed("setsockopt", errno);
  if (bind(made.fd(), at.ai_addr, at.ai_addrlen) != 0) return Failed("bind", errno);
  if (listen(made.fd(), backlog) != 0) return Failed("listen", errno);
  // The first takes the port as if for itself, which fails beside any other listener, and opens it for the
  // next ones only then. Opened before `listen`, two servers that start at once could both get through,
  // because SO_REUSEADDR lets both bind.
  if (sharing == Sharing::kFirst && !made.Set(SOL_SOCKET, SO_REUSEPORT, 1))
    return Failed("setsockopt", errno);
  const int port = PortOf(made.fd());
  if (port < 0) return Failed("getsockname", errno);
  return {made.Release(), port, nullptr, 0};
}

Opened Open(const std::string& host, int port, int backlog, Sharing sharing) noexcept {
  if (sharing != Sharing::kAlone && !kSharesPorts) return Failed("setsockopt", ENOPROTOOPT);
  addrinfo wanted{};
  wanted.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE;
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  std::array<char, 16> digits{};
  snprintf(digits.data(), digits.size(), "%d", port);
  if (port < 0 || port > 65535 || getaddrinfo(host.c_str(), digits.data(), &wanted, &found) != 0)
    return Failed("getaddrinfo", EINVAL);
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> address(found, &freeaddrinfo);
  return OpenAt(*address, backlog, sharing);
}

/// The name of an errno; only glibc has a function for it.
std::string NameOf(int error) {
  constexpr std::array<std::pair<int, const char*>, 13> kNames{{{EADDRINUSE, "EADDRINUSE"},
                                                                {EADDRNOTAVAIL, "EADDRNOTAVAIL"},
                                                                {EACCES, "EACCES"},
                                                                {EPERM, "EPERM"},
                                                                {EINVAL, "EINVAL"},
                                                                {EAFNOSUPPORT, "EAFNOSUPPORT"},
                                                                {EMFILE, "EMFILE"},
                                                                {ENFILE, "ENFILE"},
                                                                {ENOBUFS, "ENOBUFS"},
                                                                {ENOMEM, "ENOMEM"},
                                                                {ENODEV, "ENODEV"},
                                                                {ENOPROTOOPT, "ENOPROTOOPT"},
                                                                {EOPNOTSUPP, "EOPNOTSUPP"}}};
  for (const auto& [number, name] : kNames)
    if (number == error) return name;
  return std::string("E").append(std::to_string(error));
}

// openListener(host, port, backlog, sharing) → { error, fd, port }
Napi::Value OpenListener(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::string how = info[3].IsString() ? info[3].As<Napi::String>().Utf8Value() : "";
  const bool is_known = how == "alone" || how == "first" || how == "next";
  if (!info[0].IsString() || !info[1].IsNumber() || !info[2].IsNumber() || !is_known) {
    Napi::TypeError::New(env, "native: openListener(host, port, backlog, sharing)")
        .ThrowAsJavaScriptException();
    return env.Undefined();
  }
  const Sharing sharing = how == "alone"   ? Sharing::kAlone
                          : how == "first" ? Sharing::kFirst
                                           : Sharing::kNext;
  const Opened opened = Open(info[0].As<Napi::String>().Utf8Value(), info[1].As<Napi::Number>().Int32Value(),
                             info[2].As<Napi::Number>().Int32Value(), sharing);
  auto reply = Napi::Object::New(env);
  reply.Set("error", env.Null());
  reply.Set("fd", Napi::Number::New(env, opened.fd));
  reply.Set("port", Napi::Number::New(env, opened.port));
  if (opened.call == nullptr) return reply;
  auto error = Napi::Object::New(env);
  error.Set("code", Napi::String::New(env, NameOf(opened.error)));
  error.Set("message", Napi::String::New(env, std::string(opened.call) + ": " +
                                                  std::system_category().message(opened.error)));
  reply.Set("error", error);
  return reply;
}

// closeSocket(fd)
Napi::Value CloseSocket(const Napi::CallbackInfo& info) {
  if (info[0].IsNumber()) close(info[0].As<Napi::Number>().Int32Value());
  return info.Env().Undefined();
}

// duplicateSocket(fd) → fd, or -1
Napi::Value DuplicateSocket(const Napi::CallbackInfo& info) {
  const int fd = info[0].IsNumber() ? info[0].As<Napi::Number>().Int32Value() : -1;
  return Napi::Number::New(info.Env(), fcntl(fd, F_DUPFD_CLOEXEC, 0));
}

}  // namespace

void DefineListeners(Napi::Env env, Napi::Object exports) {
  exports.Set("sharesPorts", Napi::Boolean::New(env, kSharesPorts));
  exports.Set("openListener", Napi::Function::New(env, OpenListener, "openListener"));
  exports.Set("closeSocket", Napi::Function::New(env, CloseSocket, "closeSocket"));
  exports.Set("duplicateSocket", Napi::Function::New(env, DuplicateSocket, "duplicateSocket"));
}

}  // namespace nereid
