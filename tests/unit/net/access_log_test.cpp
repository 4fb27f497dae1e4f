// The access log as a file, as one that is rotated, and as a pipe that nobody reads: no line is lost
// without being counted, and nobody ever waits for whoever reads.
#include "proxy/net/access_log.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <limits.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>
#include <vector>

namespace ifmatch::net {
namespace {

using namespace std::chrono_literals;

constexpr auto patience = 15s;

// As a full disk does it: of what is written only a part may fit.
class SmallFiles {
 public:
  explicit SmallFiles(std::size_t octets) {
    std::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit small{octets, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &small);
  }
  ~SmallFiles() { ::setrlimit(RLIMIT_FSIZE, &before_); }
  SmallFiles(const SmallFiles&) = delete;
  SmallFiles& operator=(const SmallFiles&) = delete;

 private:
  rlimit before_{};
};

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

bool is_whole(const std::string& line) {
  return line.starts_with("{\"time\"") && line.ends_with("}");
}

template <typename Condition>
bool comes_to_pass(Condition&& condition) {
  const Instant deadline = Clock::now() + patience;
  while (!condition()) {
    if (Clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

class AnAccessLog : public ::testing::Test {
 protected:
  AnAccessLog() {
    std::string pattern = ::testing::TempDir() + "ifmatch_access_XXXXXX";
    folder = ::mkdtemp(pattern.data());
    head.method = "GET";
  }
  ~AnAccessLog() override { std::filesystem::remove_all(folder); }

  config::AccessLog at(const std::string& name) const { return {.path = folder + "/" + name}; }
  void tell(AccessLog& log, const std::string& target, std::size_t thread = 0) {
    head.target = target;
    const Account account{.head = &head, .status = 200, .start = Clock::now()};
    log.sink(thread)->told(account);
  }
  std::string content(const std::string& name) const {
    std::ifstream file(folder + "/" + name);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }
  bool appears(const std::string& name, const std::string& part) const {
    return comes_to_pass([&] { return content(name).find(part) != std::string::npos; });
  }

  std::string folder;
  http::RequestHead head;
};

TEST_F(AnAccessLog, ThatIsOffHasNobodyToTell) {
  AccessLog log({}, 2);
  EXPECT_FALSE(log.sink(0)->listens());
  EXPECT_FALSE(log.sink(1)->listens());
  EXPECT_EQ(log.sink(2), nullptr);
}

TEST_F(AnAccessLog, ThatCannotBeOpenedIsAnError) {
  EXPECT_THROW(AccessLog(at("missing/access.log"), 1), std::runtime_error);
  EXPECT_THROW(AccessLog({.path = folder}, 1), std::runtime_error);
}

TEST_F(AnAccessLog, AppearsWithoutBeingAskedFor) {
  AccessLog log(at("a.log"), 1);
  tell(log, "/first");
  EXPECT_TRUE(appears("a.log", "\"target\":\"/first\""));
  tell(log, "/second");
  EXPECT_TRUE(appears("a.log", "\"target\":\"/second\""));
}

TEST_F(AnAccessLog, HasEveryLineOfEveryThreadAtItsEnd) {
  constexpr int lines = 2'000;
  std::ofstream(folder + "/a.log") << "what was there before\n";
  {
    AccessLog log(at("a.log"), 3);
    std::vector<std::thread> threads;
    for (std::size_t thread = 0; thread < 3; ++thread) {
      threads.emplace_back([&log, thread] {
        http::RequestHead own;
        own.method = "GET";
        own.target = "/" + std::to_string(thread);
        const Account account{.head = &own, .status = 200, .start = Clock::now()};
        for (int i = 0; i < lines; ++i) log.sink(thread)->told(account);
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(log.dropped(), 0U);
  }
  const std::string text = content("a.log");
  EXPECT_TRUE(text.starts_with("what was there before\n"));
  EXPECT_EQ(std::ranges::count(text, '\n'), 3 * lines + 1);
}

TEST_F(AnAccessLog, IsForItsOwnerAndGroup) {
  AccessLog log(at("a.log"), 1);
  struct stat status{};
  ASSERT_EQ(::stat((folder + "/a.log").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0007U, 0U);
}

TEST_F(AnAccessLog, GoesOnInANewFileWhenItIsReopened) {
  AccessLog log(at("a.log"), 1);
  tell(log, "/before");
  std::filesystem::rename(folder + "/a.log", folder + "/a.log.1");
  log.reopen();
  EXPECT_TRUE(appears("a.log.1", "/before")) << "what was told before belongs to the old file";
  const Instant deadline = Clock::now() + patience;
  while (!std::filesystem::exists(folder + "/a.log") && Clock::now() < deadline) {
    std::this_thread::yield();
  }
  tell(log, "/after");
  EXPECT_TRUE(appears("a.log", "/after"));
  EXPECT_EQ(content("a.log.1").find("/after"), std::string::npos);
}

TEST_F(AnAccessLog, KeepsItsFileWhenANewOneCannotBeOpened) {
  std::filesystem::create_directory(folder + "/logs");
  AccessLog log(at("logs/a.log"), 1);
  std::filesystem::rename(folder + "/logs", folder + "/moved");
  log.reopen();
  tell(log, "/still-here");
  EXPECT_TRUE(appears("moved/a.log", "/still-here"));
}

TEST_F(AnAccessLog, LosesNothingWhenItIsRotatedUnderLoad) {
  constexpr std::size_t threads = 2;
  constexpr int lines = 10'000;
  constexpr int rotations = 20;
  std::uint64_t dropped = 0;
  {
    AccessLog log(at("a.log"), threads);
    std::vector<std::thread> tellers;
    for (std::size_t thread = 0; thread < threads; ++thread) {
      tellers.emplace_back([&log, thread] {
        http::RequestHead own;
        own.method = "GET";
        const Account account{.head = &own, .status = 200, .start = Clock::now()};
        for (int i = 0; i < lines; ++i) log.sink(thread)->told(account);
      });
    }
    for (int rotation = 0; rotation < rotations; ++rotation) {
      const std::string rotated = folder + "/a.log." + std::to_string(rotation);
      std::filesystem::rename(folder + "/a.log", rotated);
      log.reopen();
      EXPECT_TRUE(comes_to_pass([&] { return std::filesystem::exists(folder + "/a.log"); }));
    }
    for (std::thread& teller : tellers) teller.join();
    dropped = log.dropped();
  }
  std::uint64_t written = 0;
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    for (const std::string& line : lines_of(content(file.path().filename()))) {
      EXPECT_TRUE(is_whole(line)) << line;
      ++written;
    }
  }
  EXPECT_EQ(written + dropped, threads * lines);
}

TEST_F(AnAccessLog, BeginsANewLineAfterADiskWasFull) {
  AccessLog log(at("a.log"), 1);
  tell(log, "/before");
  ASSERT_TRUE(appears("a.log", "/before"));
  const std::size_t size = content("a.log").size();
  {
    const SmallFiles full(size + size / 2);
    tell(log, "/torn");
    tell(log, "/lost");
    EXPECT_TRUE(comes_to_pass([&] { return log.dropped() == 2; })) << log.dropped();
  }
  tell(log, "/after");
  ASSERT_TRUE(appears("a.log", "/after"));
  const std::vector<std::string> lines = lines_of(content("a.log"));
  ASSERT_EQ(lines.size(), 3U) << content("a.log");
  EXPECT_TRUE(is_whole(lines[0]));
  EXPECT_FALSE(is_whole(lines[1]));
  EXPECT_TRUE(is_whole(lines[2])) << lines[2];
  EXPECT_EQ(log.dropped(), 2U);
}

// A pipe with room for one piece: whoever reads it sees what was written at once.
TEST_F(AnAccessLog, WritesOnlyWholeLinesToAPipe) {
  const std::string pipe = folder + "/pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const int reader = ::open(pipe.c_str(), O_RDONLY | O_NONBLOCK);
  ASSERT_GE(reader, 0);
  ASSERT_EQ(::fcntl(reader, F_SETPIPE_SZ, PIPE_BUF), PIPE_BUF);
  constexpr int lines = 300;
  {
    AccessLog log(at("pipe"), 1);
    for (int i = 0; i < lines; ++i) tell(log, "/" + std::to_string(i));
    std::vector<char> room(1 << 16);
    std::ptrdiff_t seen = 0;
    EXPECT_TRUE(comes_to_pass([&] {
      const ssize_t count = ::read(reader, room.data(), room.size());
      if (count <= 0) return seen == lines;
      EXPECT_EQ(room[static_cast<std::size_t>(count) - 1], '\n');
      seen += std::count(room.begin(), room.begin() + count, '\n');
      return seen == lines;
    }));
  }
  ::close(reader);
}

TEST_F(AnAccessLog, GoesOnElsewhereAndInAnotherFormat) {
  AccessLog log(at("a.log"), 1);
  tell(log, "/before");
  config::AccessLog other = at("b.log");
  other.format = config::LogFormat::text;
  log.move_to(AccessLog::open(other));
  EXPECT_TRUE(log.sink(0)->listens());
  EXPECT_TRUE(appears("a.log", "/before"));
  EXPECT_TRUE(comes_to_pass([&] {
    tell(log, "/after");
    return content("b.log").find("\"GET /after HTTP/1.1\" 200") != std::string::npos;
  }));
  for (const std::string& line : lines_of(content("a.log"))) EXPECT_TRUE(is_whole(line)) << line;
  EXPECT_EQ(content("b.log").find("{"), std::string::npos);
}

TEST_F(AnAccessLog, IsTurnedOnAndOff) {
  AccessLog log({}, 1);
  log.move_to(AccessLog::open(at("a.log")));
  EXPECT_TRUE(log.sink(0)->listens());
  tell(log, "/first");
  EXPECT_TRUE(appears("a.log", "\"target\":\"/first\""));
  tell(log, "/second");
  log.move_to(AccessLog::open({}));
  EXPECT_FALSE(log.sink(0)->listens());
  EXPECT_TRUE(appears("a.log", "/second")) << "it was told before";
  // A request that was under way.
  tell(log, "/late");
  config::AccessLog text = at("b.log");
  text.format = config::LogFormat::text;
  log.move_to(AccessLog::open(text));
  EXPECT_TRUE(comes_to_pass([&] {
    tell(log, "/third");
    return content("b.log").find("GET /third") != std::string::npos;
  }));
  EXPECT_EQ(log.dropped(), 0U);
}

TEST_F(AnAccessLog, DoesNotStayWhereNobodyReads) {
  const std::string pipe = folder + "/pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const int reader = ::open(pipe.c_str(), O_RDONLY | O_NONBLOCK);
  ASSERT_GE(reader, 0);
  AccessLog log(at("pipe"), 1);
  for (int i = 0; i < 5'000; ++i) tell(log, "/" + std::to_string(i));
  log.move_to(AccessLog::open(at("a.log")));
  EXPECT_TRUE(comes_to_pass([&] {
    tell(log, "/after");
    return content("a.log").find("/after") != std::string::npos;
  }));
  ::close(reader);
}

TEST_F(AnAccessLog, ThatNobodyReadsLosesLinesAndCountsThem) {
  const std::string pipe = folder + "/pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_THROW(AccessLog(at("pipe"), 1), std::runtime_error) << "nobody has it open";
  const int reader = ::open(pipe.c_str(), O_RDONLY | O_NONBLOCK);
  ASSERT_GE(reader, 0);
  constexpr std::uint64_t lines = 20'000;
  std::uint64_t dropped = 0;
  {
    AccessLog log(at("pipe"), 1);
    for (std::uint64_t i = 0; i < lines; ++i) tell(log, "/" + std::to_string(i));
    EXPECT_GT(log.dropped(), 0U);
    EXPECT_LT(log.dropped(), lines);
    // What can be read now goes on to where it belongs.
    std::string text;
    std::vector<char> room(1 << 16);
    const Instant deadline = Clock::now() + patience;
    while (static_cast<std::uint64_t>(std::ranges::count(text, '\n')) + log.dropped() < lines &&
           Clock::now() < deadline) {
      const ssize_t count = ::read(reader, room.data(), room.size());
      if (count > 0) text.append(room.data(), static_cast<std::size_t>(count));
    }
    dropped = log.dropped();
    EXPECT_EQ(static_cast<std::uint64_t>(std::ranges::count(text, '\n')) + dropped, lines);
    EXPECT_TRUE(text.starts_with("{\"time\"")) << "the oldest lines are those that are kept";
  }
  ::close(reader);
}

TEST_F(AnAccessLog, EndsThoughNobodyReads) {
  const std::string pipe = folder + "/pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const int reader = ::open(pipe.c_str(), O_RDONLY | O_NONBLOCK);
  ASSERT_GE(reader, 0);
  const Instant begin = Clock::now();
  {
    AccessLog log(at("pipe"), 1);
    for (int i = 0; i < 5'000; ++i) tell(log, "/" + std::to_string(i));
  }
  EXPECT_LT(Clock::now() - begin, patience);
  ::close(reader);
}

}  // namespace
}  // namespace ifmatch::net
