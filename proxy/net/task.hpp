// The coroutine of net/: what a request costs is above all its suspensions and their frames, so
// this one keeps both small. Frames come from lists of the thread (frame_memory.hpp). A coroutine
// that ends without waiting costs its caller no suspension, and what is known already needs no
// coroutine at all: Task<T>(value).
//
// Who owns what: a Task owns its coroutine, and the coroutine that awaits it holds it in its frame;
// the outermost one belongs to spawn(). An operation under way holds the way to the outermost: when
// it is dropped without having completed, because its io_context ends, the whole stack of
// coroutines is destroyed with it, innermost first, and their destructors report what they owe.
//
// One thread: a stack of coroutines runs on the thread of its io_context and is never resumed from
// within the call that suspends it.
#pragma once

#include <boost/asio/async_result.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <coroutine>
#include <exception>
#include <optional>
#include <tuple>
#include <utility>

#include "proxy/guard/assert.hpp"
#include "proxy/net/frame_memory.hpp"

namespace ifmatch::net {

template <typename T>
class Task;

namespace task {

struct Promise {
  std::coroutine_handle<> waiting;  // set once the one that awaits has really been suspended
  std::coroutine_handle<> root;     // the outermost coroutine of the stack
  std::exception_ptr failure;

  static void* operator new(std::size_t size) { return take_frame(size); }
  static void operator delete(void* frame, std::size_t size) noexcept { give_frame(frame, size); }

  struct End {
    bool await_ready() const noexcept { return false; }
    template <typename Ended>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Ended> ended) const noexcept {
      const std::coroutine_handle<> next = ended.promise().waiting;
      return next ? next : std::noop_coroutine();
    }
    void await_resume() const noexcept {}
  };

  std::suspend_always initial_suspend() const noexcept { return {}; }
  End final_suspend() const noexcept { return {}; }
  void unhandled_exception() noexcept { failure = std::current_exception(); }
};

template <typename T>
struct PromiseOf : Promise {
  std::optional<T> value;

  Task<T> get_return_object() noexcept;
  template <typename Value>
  void return_value(Value&& given) {
    value.emplace(std::forward<Value>(given));
  }
};

template <>
struct PromiseOf<void> : Promise {
  Task<void> get_return_object() noexcept;
  void return_void() const noexcept {}
};

// The outermost coroutine: it begins when it is resumed and frees itself at its end.
struct Root {
  struct promise_type {
    std::coroutine_handle<> root = std::coroutine_handle<promise_type>::from_promise(*this);

    static void* operator new(std::size_t size) { return take_frame(size); }
    static void operator delete(void* frame, std::size_t size) noexcept {
      give_frame(frame, size);
    }
    Root get_return_object() noexcept { return {root}; }
    std::suspend_always initial_suspend() const noexcept { return {}; }
    std::suspend_never final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    [[noreturn]] void unhandled_exception() const noexcept { std::terminate(); }
  };
  std::coroutine_handle<> handle;
};

// Owns a stack of coroutines that waits for something; resumes it or, if it never comes, ends it.
class Wake {
 public:
  explicit Wake(std::coroutine_handle<> root) noexcept : root_(root) {}
  Wake(Wake&& other) noexcept : root_(std::exchange(other.root_, nullptr)) {}
  Wake& operator=(Wake&&) = delete;
  ~Wake() {
    if (root_) root_.destroy();
  }

  void disarm() noexcept { root_ = nullptr; }

 private:
  std::coroutine_handle<> root_;
};

}  // namespace task

// A coroutine that begins when it is awaited, or a value that is there already. REQUIRES: it is
// awaited at most once, in the expression that makes it, or spawned.
template <typename T>
class [[nodiscard]] Task {
 public:
  using promise_type = task::PromiseOf<T>;
  using Handle = std::coroutine_handle<promise_type>;

  explicit Task(Handle coroutine) noexcept : coroutine_(coroutine) {}
  template <typename Value>
    requires(!std::is_void_v<T> && std::is_convertible_v<Value, T> &&
             !std::is_same_v<std::remove_cvref_t<Value>, Handle>)
  Task(Value&& known) : known_(std::forward<Value>(known)) {}  // NOLINT: as a value converts to T
  Task(Task&& other) noexcept
      : coroutine_(std::exchange(other.coroutine_, nullptr)), known_(std::move(other.known_)) {}
  Task& operator=(Task&&) = delete;
  ~Task() {
    if (coroutine_) coroutine_.destroy();
  }

  [[nodiscard]] bool await_ready() const noexcept { return !coroutine_; }

  // The coroutine runs within this call; only if it has to wait is its caller suspended, too.
  template <typename Caller>
  bool await_suspend(std::coroutine_handle<Caller> caller) {
    task::Promise& promise = coroutine_.promise();
    promise.root = caller.promise().root;
    coroutine_.resume();
    if (coroutine_.done()) return false;
    promise.waiting = caller;
    return true;
  }

  T await_resume() {
    if constexpr (std::is_void_v<T>) {
      if (coroutine_.promise().failure) std::rethrow_exception(coroutine_.promise().failure);
    } else {
      if (!coroutine_) return std::move(*known_);
      if (coroutine_.promise().failure) std::rethrow_exception(coroutine_.promise().failure);
      return std::move(*coroutine_.promise().value);
    }
  }

 private:
  struct Nothing {};
  Handle coroutine_ = nullptr;
  [[no_unique_address]] std::conditional_t<std::is_void_v<T>, Nothing, std::optional<T>> known_;
};

namespace task {

template <typename T>
Task<T> PromiseOf<T>::get_return_object() noexcept {
  return Task<T>(std::coroutine_handle<PromiseOf<T>>::from_promise(*this));
}

inline Task<void> PromiseOf<void>::get_return_object() noexcept {
  return Task<void>(std::coroutine_handle<PromiseOf<void>>::from_promise(*this));
}

template <typename Done>
Root begin(Task<void> spawned, Done done) {
  std::exception_ptr failure;
  try {
    co_await std::move(spawned);
  } catch (...) {
    failure = std::current_exception();
  }
  done(failure);
}

// One asynchronous operation of Asio, awaited. Its results come back by value: errors are their
// first element, nothing is thrown.
template <typename Initiate, typename Arguments, typename... Results>
class Operation {
 public:
  Operation(Initiate initiate, Arguments arguments)
      : initiate_(std::move(initiate)), arguments_(std::move(arguments)) {}

  [[nodiscard]] bool await_ready() const noexcept { return false; }

  template <typename Caller>
  void await_suspend(std::coroutine_handle<Caller> caller) {
    std::apply(
        [&](auto&&... arguments) {
          std::move(initiate_)(Completion(*this, caller), std::move(arguments)...);
        },
        std::move(arguments_));
    // An initiation that throws leaves the coroutine to the one that catches it.
    begun_ = true;
  }

  std::tuple<Results...> await_resume() { return std::move(*results_); }

 private:
  class Completion {
   public:
    template <typename Caller>
    Completion(Operation& operation, std::coroutine_handle<Caller> caller) noexcept
        : operation_(&operation), caller_(caller), root_(caller.promise().root) {}
    Completion(Completion&& other) noexcept
        : operation_(std::exchange(other.operation_, nullptr)),
          caller_(other.caller_),
          root_(other.root_) {}
    Completion& operator=(Completion&&) = delete;
    ~Completion() {
      if (operation_ != nullptr && operation_->begun_) root_.destroy();
    }

    template <typename... Values>
    void operator()(Values&&... values) {
      std::exchange(operation_, nullptr)->results_.emplace(std::forward<Values>(values)...);
      caller_.resume();
    }

   private:
    Operation* operation_;
    std::coroutine_handle<> caller_;
    std::coroutine_handle<> root_;
  };

  Initiate initiate_;
  Arguments arguments_;
  std::optional<std::tuple<Results...>> results_;
  bool begun_ = false;
};

}  // namespace task

// The completion token with which an operation of Asio can be awaited.
struct AsTuple {};
inline constexpr AsTuple as_tuple{};

// Runs a coroutine on its own, from the next turn of `io` on. `done` is called at its end with the
// exception that ended it, or null. It is not called when the io_context ends first.
template <typename Done>
void spawn(boost::asio::io_context& io, Task<void> spawned, Done done) {
  const std::coroutine_handle<> root = task::begin(std::move(spawned), std::move(done)).handle;
  boost::asio::post(io, [wake = task::Wake(root), root]() mutable {
    wake.disarm();
    root.resume();
  });
}

inline void spawn(boost::asio::io_context& io, Task<void> spawned) {
  spawn(io, std::move(spawned), [](const std::exception_ptr&) {});
}

}  // namespace ifmatch::net

template <typename... Results>
class boost::asio::async_result<ifmatch::net::AsTuple, void(Results...)> {
 public:
  template <typename Initiate, typename... Arguments>
  static auto initiate(Initiate initiate, ifmatch::net::AsTuple, Arguments... arguments) {
    using Given = std::tuple<std::decay_t<Arguments>...>;
    return ifmatch::net::task::Operation<Initiate, Given, std::decay_t<Results>...>(
        std::move(initiate), Given(std::move(arguments)...));
  }
};
