// What is lent goes back to its shelf once, however its user ends, and is lent again as it was
// left.
#include "proxy/net/shelf.hpp"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <vector>

namespace ifmatch::net {
namespace {

TEST(AShelf, LendsWhatCameBackAsItsUserLeftIt) {
  Shelf<std::string> shelf;
  const std::string* used = nullptr;
  {
    const Lent<std::string> lent = shelf.lend();
    EXPECT_EQ(*lent, "");
    lent->assign("used");
    used = &*lent;
  }
  const Lent<std::string> again = shelf.lend();
  EXPECT_EQ(&*again, used);
  EXPECT_EQ(*again, "used");
}

TEST(AShelf, NeverLendsOneThingTwiceAtATime) {
  Shelf<std::string> shelf;
  const Lent<std::string> first = shelf.lend();
  const Lent<std::string> second = shelf.lend();
  EXPECT_NE(&*first, &*second);
}

TEST(AShelf, MakesANewThingOnlyWhereNoneIsIdle) {
  Shelf<std::string> shelf;
  int made = 0;
  const auto make = [&made] {
    ++made;
    return std::make_unique<std::string>("new");
  };
  for (int round = 0; round < 3; ++round) {
    const Lent<std::string> first = shelf.lend(make);
    const Lent<std::string> second = shelf.lend(make);
    EXPECT_EQ(*first, "new");
  }
  EXPECT_EQ(made, 2);
}

TEST(AShelf, DoesNotKeepWhatABurstNeeded) {
  Shelf<std::string> shelf;
  int made = 0;
  const auto make = [&made] {
    ++made;
    return std::make_unique<std::string>();
  };
  for (int round = 0; round < 2; ++round) {
    std::vector<Lent<std::string>> lent;
    for (int count = 0; count < 1000; ++count) lent.push_back(shelf.lend(make));
  }
  EXPECT_EQ(made, 1000 + 1000 - 256);
}

TEST(ALentThing, GoesBackOnceAfterItWasMoved) {
  Shelf<std::string> shelf;
  {
    Lent<std::string> first = shelf.lend();
    const Lent<std::string> moved(std::move(first));
    moved->assign("moved");
  }
  const Lent<std::string> again = shelf.lend();
  const Lent<std::string> other = shelf.lend();
  EXPECT_EQ(*again, "moved");
  EXPECT_EQ(*other, "");
}

TEST(ALentThing, GoesBackWhenItsUserThrows) {
  Shelf<std::string> shelf;
  const auto fail = [&shelf] {
    const Lent<std::string> lent = shelf.lend();
    lent->assign("thrown");
    throw std::runtime_error("on purpose");
  };
  EXPECT_THROW(fail(), std::runtime_error);
  EXPECT_EQ(*shelf.lend(), "thrown");
}

}  // namespace
}  // namespace ifmatch::net
