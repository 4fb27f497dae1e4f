// What clients of the simulation want: they read, think, write what they read under a condition,
// create, delete, post, share tags among each other, and leave whenever they like.
#include <algorithm>

#include "tests/simulation/simulator.hpp"

namespace ifmatch::simulation {

using namespace std::chrono_literals;

namespace {

template <typename Octets>
Octets octets(std::uint64_t number) {
  Octets made{};
  for (std::size_t at = 0; at < made.size(); ++at) {
    made[at] = static_cast<std::uint8_t>(Random::mix(number * 64 + at));
  }
  return made;
}

}  // namespace

void Simulator::think(unsigned client) {
  if (draining_) return;
  at(micros(500, 40'000), Scope::world, [this, client] { think(client); });
  Request& request = requests_[++last_id_];
  request.id = last_id_;
  choose(request);
  ask(client, request);
}

void Simulator::write_what_was_read(unsigned client, Target target) {
  if (draining_) return;
  Request& request = requests_[++last_id_];
  request.id = last_id_;
  request.told = "update";
  request.what = What::write;
  request.target = target;
  request.write.check = recorded_or_confirm();
  guard_with_tags(request);
  ask(client, request);
}

void Simulator::choose(Request& request) {
  request.target = random_.below(targets.size());
  // Most of the strife is about few resources.
  if (random_.percent(40)) request.target = random_.below(2);
  request.variant = static_cast<unsigned>(random_.below(variants));
  const std::uint64_t dice = random_.below(100);
  if (dice < 40) {
    request.what = What::read;
  } else if (dice < 48) {
    request.what = What::waiting_read;
  } else if (dice < 53) {
    request.what = What::observed_write;
    request.write.hold = guard::Hold::none;
  } else if (dice < 58 && climate_.around) {
    request.what = What::around_write;
  } else {
    request.what = What::write;
    choose_write(request);
  }
}

// Where writers go around the proxy nobody may rely on the record.
guard::Check Simulator::recorded_or_confirm() {
  const bool recorded = !climate_.around && random_.percent(50);
  return recorded ? guard::Check::recorded : guard::Check::confirm;
}

void Simulator::choose_write(Request& request) {
  guard::WriteRequest& write = request.write;
  write.check = recorded_or_confirm();
  write.needs_current = random_.percent(10);
  const std::uint64_t dice = random_.below(100);
  if (dice < 50) {
    request.told = "put";
    guard_with_tags(request);
  } else if (dice < 58) {
    request.told = "delete";
    request.effect = Effect::remove;
    guard_with_tags(request);
  } else if (dice < 70) {
    request.told = "create";
    write.condition = Condition{std::nullopt, guard::IfNoneMatch{true, {}}};
  } else if (dice < 74) {
    request.told = "put any";
    write.condition = Condition{guard::IfMatch{true, {}}, std::nullopt};
  } else if (dice < 78) {
    request.told = "serialised put";
  } else if (dice < 80) {
    request.told = "impossible put";
    write.condition = Condition{guard::IfMatch{true, {}}, guard::IfNoneMatch{true, {}}};
  } else {
    request.told = "post";
    request.effect = Effect::touch;
    write.hold = guard::Hold::shared;
    if (dice < 84) {
      write.condition = Condition{std::nullopt, guard::IfNoneMatch{false, {}}};
      for (const Tag& tag : tags_[request.target]) {
        write.condition->if_none_match->versions.push_back(tag.version);
      }
    }
  }
}

void Simulator::guard_with_tags(Request& request) {
  std::vector<Tag>& known = tags_[request.target];
  guard::IfMatch sent;
  if (known.empty()) {
    sent.versions.push_back(octets<Version>(last_id_));  // a tag that nobody handed out
  } else {
    // The latest mostly, sometimes an old one, sometimes all of them.
    const Tag& tag = random_.percent(75) ? known.back() : known[random_.below(known.size())];
    sent.versions.push_back(tag.version);
    request.variant = tag.variant;
    if (random_.percent(10)) {
      for (const Tag& other : known) sent.versions.push_back(other.version);
    }
  }
  request.write.condition = Condition{std::move(sent), std::nullopt};
}

guard::Resource Simulator::resource_of(Target target) const {
  guard::Resource resource;
  const std::string path = targets[target];
  resource.paths.push_back(path);
  if (path == "/p") resource.paths.push_back("/a/x");
  if (path == "/m" || path == "/w") resource.names.push_back("m:" + std::to_string(naming_));
  return resource;
}

guard::View Simulator::view_of(Target target, unsigned variant) const {
  guard::View view;
  view.target = octets<guard::Digest>(target + 1);
  view.viewer = octets<guard::Digest>(100);
  view.variant = octets<guard::Digest>(1000 + target * variants + variant);
  return view;
}

void Simulator::ask(unsigned client, Request& request) {
  const RequestId id = request.id;
  ++outcome_.requests;
  request.submitted = now_;
  owners_[id] = client;
  guard::WriteRequest& write = request.write;
  write.resource = resource_of(request.target);
  write.view = view_of(request.target, request.variant);
  write.absent_is_answer = request.effect == Effect::remove;
  write.gate_wait = climate_.gate_wait;
  write.gate_queue = climate_.gate_queue;
  write.in_doubt = 100ms;
  say(std::to_string(id) + " asks " + request.told + " what " +
      std::to_string(static_cast<int>(request.what)) + ' ' + targets[request.target]);
  switch (request.what) {
    case What::read:
      read(id);
      break;
    case What::waiting_read: {
      guard::ReadRequest wait{request.write.resource, climate_.gate_wait, climate_.gate_queue};
      maybe_leave(id);
      call([&](Actions& out) { engine_->submit_read(id, std::move(wait), now_, out); });
      break;
    }
    case What::around_write:
      write_around(request);
      break;
    case What::write:
    case What::observed_write:
      maybe_leave(id);
      call([&](Actions& out) { engine_->submit(id, request.write, now_, out); });
      break;
  }
}

void Simulator::write_around(const Request& request) {
  at(micros(500, 10'000), Scope::world, [this, id = request.id] {
    Request& around = requests_.at(id);
    Claim claim;
    claim.as = {Writer::around, now_, 0};
    say(std::to_string(id) + " lands around the proxy");
    static_cast<void>(upstream_.land(cell_of(around.target), Effect::replace, claim));
    answer(around);
  });
}

void Simulator::maybe_leave(RequestId id) {
  if (!random_.percent(12)) return;
  at(micros(0, 60'000), Scope::process, [this, id] { client_leaves(id); });
}

void Simulator::client_leaves(RequestId id) {
  Request& request = requests_.at(id);
  if (request.answers != 0) return;
  // Mostly a write that was sent goes on to its end; sometimes the shell loses sight of it.
  if (request.sent && random_.percent(70)) return;
  say(std::to_string(id) + (request.sent ? " leaves after send" : " leaves"));
  request.abandoned = true;
  reading_.erase(id);
  answer(request);
  call([&](Actions& out) { engine_->leave(id, now_, out); });
}

}  // namespace ifmatch::simulation
