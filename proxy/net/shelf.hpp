// Things that are used for one request after another, so that their memory is allocated once. A
// shelf belongs to one thread, and keeps no more than is used at once on a busy day: a burst must
// not be paid for in memory for ever.
#pragma once

#include <memory>
#include <utility>
#include <vector>

namespace ifmatch::net {

template <typename T>
class Shelf;

// A thing on loan; it goes back onto its shelf, which must outlive it.
template <typename T>
class Lent {
 public:
  Lent(Shelf<T>& shelf, std::unique_ptr<T> thing) : shelf_(&shelf), thing_(std::move(thing)) {}
  Lent(Lent&& other) noexcept = default;
  Lent& operator=(Lent&& other) = delete;
  ~Lent() {
    if (thing_) shelf_->take_back(std::move(thing_));
  }

  T& operator*() const noexcept { return *thing_; }
  T* operator->() const noexcept { return thing_.get(); }

 private:
  Shelf<T>* shelf_;
  std::unique_ptr<T> thing_;
};

template <typename T>
class Shelf {
 public:
  // `make` is asked for a new one when none is idle. What was used before is as its user left it.
  template <typename Make>
  [[nodiscard]] Lent<T> lend(Make&& make) {
    if (idle_.empty()) return {*this, make()};
    std::unique_ptr<T> thing = std::move(idle_.back());
    idle_.pop_back();
    return {*this, std::move(thing)};
  }

  [[nodiscard]] Lent<T> lend() {
    return lend([] { return std::make_unique<T>(); });
  }

 private:
  friend class Lent<T>;
  void take_back(std::unique_ptr<T> thing) {
    if (idle_.size() < idle_max) idle_.push_back(std::move(thing));
  }

  static constexpr std::size_t idle_max = 256;
  std::vector<std::unique_ptr<T>> idle_;
};

}  // namespace ifmatch::net
