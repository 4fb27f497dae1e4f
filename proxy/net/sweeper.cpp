#include "proxy/net/sweeper.hpp"

namespace ifmatch::net {

Swept::Swept(Sweeper& sweeper) : sweeper_(sweeper), next_(sweeper.first_) {
  if (next_ != nullptr) next_->previous_ = this;
  sweeper.first_ = this;
}

Swept::~Swept() {
  if (sweeper_.cursor_ == this) sweeper_.cursor_ = next_;
  if (previous_ != nullptr) {
    previous_->next_ = next_;
  } else {
    sweeper_.first_ = next_;
  }
  if (next_ != nullptr) next_->previous_ = previous_;
}

void Sweeper::sweep(Instant now) {
  now_ = now;
  cursor_ = first_;
  while (cursor_ != nullptr) {
    Swept* swept = cursor_;
    cursor_ = swept->next_;
    swept->sweep(now);
  }
}

}  // namespace ifmatch::net
