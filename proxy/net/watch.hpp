// Looks after the files that a configuration was read from, and says when their content is another.
// It compares content, because what happens to a file tells little: editors write twice, and
// Kubernetes changes a ConfigMap by exchanging a link to the folder that the file is in. So folders
// are watched, and as not every file system tells what happens in it, it also looks now and then.
#pragma once

#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <functional>

#include "proxy/net/asio.hpp"
#include "proxy/net/watched_files.hpp"

namespace ifmatch::net {

class Watch {
 public:
  // `changed` is called on the thread of `io`. Throws std::runtime_error where it cannot watch.
  Watch(asio::io_context& io, std::function<void()> changed);
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  // From here on it compares with these, also what has happened since they were looked at.
  void follow(Files files);

  // Both run until `io` stops; spawn both.
  [[nodiscard]] Task<void> listen();
  [[nodiscard]] Task<void> look();

 private:
  using Descriptor = asio::posix::basic_stream_descriptor<Executor>;

  void add_folders();

  std::function<void()> changed_;
  Files files_;
  Descriptor inotify_;
  Timer timer_;
  bool stirred_ = false;
};

}  // namespace ifmatch::net
