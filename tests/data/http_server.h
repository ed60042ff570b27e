// A web server on the loopback interface that serves one file, well or badly: what the tests of
// the downloader talk to.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace fovea::test {

class HttpServer {
 public:
  /// How requests are answered.
  struct Behaviour {
    int status = 0;                // other than 0: answered with this and nothing else
    bool ranges = true;            // whether a Range header is respected
    std::int64_t dies_after = -1;  // closes the connection after so many bytes of the file
    int failures = 1 << 30;        // how many requests go wrong as above; then all is well
  };

  HttpServer(std::vector<std::uint8_t> content, Behaviour behaviour)
      : content_(std::move(content)), behaviour_(behaviour), listener_(listen_on_loopback()) {
    thread_ = std::thread([this] { serve(); });
  }
  ~HttpServer() {
    stop_ = true;
    shutdown(listener_, SHUT_RDWR);  // ends the accept
    thread_.join();
    close(listener_);
  }
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/data.tar.gz"; }

  /// The first byte asked for by each request so far.
  std::vector<std::int64_t> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

 private:
  int listen_on_loopback() {
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (listener < 0 || bind(listener, generic, size) != 0 || listen(listener, 8) != 0 ||
        getsockname(listener, generic, &size) != 0) {
      throw std::runtime_error("cannot listen on the loopback interface");
    }
    port_ = ntohs(address.sin_port);
    return listener;
  }

  void serve() {
    while (!stop_) {
      const int connection = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (connection < 0) continue;
      answer(connection);
      close(connection);
    }
  }

  static std::string read_request(int connection) {
    std::string request;
    char buffer[1024];
    while (request.find("\r\n\r\n") == std::string::npos) {
      const ssize_t got = recv(connection, buffer, sizeof buffer, 0);
      if (got <= 0) break;
      request.append(buffer, static_cast<std::size_t>(got));
    }
    return request;
  }

  static void send_all(int connection, const void* bytes, std::int64_t count) {
    const char* next = static_cast<const char*>(bytes);
    while (count > 0) {
      const ssize_t sent = send(connection, next, static_cast<std::size_t>(count), MSG_NOSIGNAL);
      if (sent <= 0) return;
      next += sent;
      count -= sent;
    }
  }

  void answer(int connection) {
    const std::string request = read_request(connection);
    const std::string range = "Range: bytes=";
    const std::size_t at = request.find(range);
    const std::int64_t asked =
        at == std::string::npos ? 0 : std::stoll(request.substr(at + range.size()));
    std::size_t number = 0;
    {
      const std::lock_guard lock(mutex_);
      requests_.push_back(asked);
      number = requests_.size();
    }
    const auto size = static_cast<std::int64_t>(content_.size());
    const bool well = number > static_cast<std::size_t>(behaviour_.failures);
    const std::int64_t first = behaviour_.ranges ? asked : 0;
    int status = first > 0 ? 206 : 200;
    if (first >= size) status = 416;
    if (!well && behaviour_.status != 0) status = behaviour_.status;
    const std::int64_t length = status < 300 ? size - first : 0;
    std::string header = "HTTP/1.1 " + std::to_string(status) + " Answer\r\nConnection: close\r\n" +
                         "Content-Length: " + std::to_string(length) + "\r\n";
    if (status == 206) {
      header += "Content-Range: bytes " + std::to_string(first) + "-" + std::to_string(size - 1) +
                "/" + std::to_string(size) + "\r\n";
    }
    header += "\r\n";
    send_all(connection, header.data(), static_cast<std::int64_t>(header.size()));
    const bool dies = !well && behaviour_.dies_after >= 0;
    send_all(connection, content_.data() + first,
             dies ? std::min(behaviour_.dies_after, length) : length);
  }

  const std::vector<std::uint8_t> content_;
  const Behaviour behaviour_;
  int port_ = 0;
  int listener_;
  std::atomic<bool> stop_ = false;
  mutable std::mutex mutex_;
  std::vector<std::int64_t> requests_;
  std::thread thread_;
};

}  // namespace fovea::test
