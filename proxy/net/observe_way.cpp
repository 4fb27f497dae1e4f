// The observe way: everything goes on as it is, and what enforce would have said is decided on the
// side, from what has been seen before. Nothing is probed, nothing waits for a gate. Two things are
// changed. A 200 without an ETag gets one, so that clients can begin to send it back; and an
// If-Match with nothing but tags that we handed out is left out, because the API does not know
// them: one that evaluates the field itself would refuse every such write.
#include <spdlog/spdlog.h>

#include <algorithm>

#include "proxy/guard/assert.hpp"
#include "proxy/http/entity_tag.hpp"
#include "proxy/http/framing.hpp"
#include "proxy/net/exchange.hpp"

namespace ifmatch::net {
namespace {

using guard::Foresight;
using guard::LostUpdates;

// So long a body is waited for, to be tagged: one of unknown length may never end, and whoever
// reads one of known length as it comes is not to be kept from it.
constexpr std::chrono::milliseconds patience{50};
constexpr std::chrono::milliseconds patience_with_length{500};

// Every tag of If-Match as a version of ours, changed by an intermediary or not; empty where one of
// them is none.
std::vector<guard::Version> own_versions(const http::Fields& fields) {
  if (!fields.has(http::FieldId::if_match)) return {};
  const auto list = http::parse_entity_tags(fields, http::FieldId::if_match);
  if (!list || list->any) return {};
  std::vector<guard::Version> versions;
  for (const http::EntityTag& tag : list->tags) {
    auto version = http::parse_own(tag);
    if (!version) version = http::recognise_rewritten(tag);
    if (!version) return {};
    versions.push_back(*version);
  }
  return versions;
}

Decision decision_of(Foresight foresight) {
  switch (foresight) {
    case Foresight::pass: return Decision::pass;
    case Foresight::stale: return Decision::stale;
    case Foresight::missing: return Decision::missing;
    case Foresight::exists: return Decision::exists;
    case Foresight::malformed: return Decision::malformed;
    case Foresight::ambiguous: return Decision::ambiguous;
    case Foresight::unverifiable: break;
  }
  return Decision::unverifiable;
}

Foresight foresight_of(http::Problem problem) {
  switch (problem) {
    case http::Problem::precondition_missing: return Foresight::missing;
    case http::Problem::ambiguous_method:
    case http::Problem::ambiguous_path: return Foresight::ambiguous;
    default: return Foresight::malformed;
  }
}

}  // namespace

// A GET whose content goes by.
class Exchange::ObservedRead final : public Onlooker {
 public:
  ObservedRead(Exchange& exchange, Lent<plugins::VersionHasher>& hasher)
      : x_(exchange),
        hasher_(*hasher),
        desk_(exchange.desk()),
        since_(desk_.epoch()),
        began_(desk_.observatory().read_begins()) {}

  void sending() override {}
  void unsent() override {}

  void content(std::string_view piece) override {
    size_ += piece.size();
    if (hashes_ && !overflowing()) hasher_.update(std::as_bytes(std::span(piece)));
  }

  void answered(const http::ResponseHead& head) override { read(head, guard::Shown::to_us); }

  // More than can be a guarded resource.
  [[nodiscard]] bool overflowing() const { return size_ > x_.route_->settings->max_body; }
  [[nodiscard]] std::uint64_t size() const { return size_; }

  void begin(const http::ResponseHead& head) {
    hasher_.begin(head.fields.first(http::FieldId::content_type),
                  head.fields.first(http::FieldId::content_encoding));
    hashes_ = true;
  }

  // The client is about to have all of it. Returns what it has read, where that has a version.
  std::optional<guard::Version> read(const http::ResponseHead& head, guard::Shown shown) {
    const std::optional<guard::Version> version =
        hashes_ && !overflowing() ? hasher_.finish() : std::nullopt;
    const http::Keyring& keyring = x_.site().keyring;
    // Who writes without the query, or with it, has seen this.
    desk_.observatory().read_ends(x_.observed(), keyring.target_digest({}, x_.routing_.folded),
                                  began_, version);
    if (x_.shape_.target.has_query()) {
      desk_.observatory().read_ends(x_.observed(), x_.observed_path(x_.routing_.folded), began_,
                                    version);
    }
    if (!version) return version;
    const http::Checked<guard::Resource> resource = x_.resource();
    if (resource.has_error()) return version;
    const http::Target& target = x_.shape_.target;
    x_.learn(*resource, keyring.target_digest(target.host, target.octets), x_.head_.fields,
             head.fields, *version, since_, shown);
    return version;
  }

 private:
  Exchange& x_;
  plugins::VersionHasher& hasher_;
  GuardDesk& desk_;
  guard::Epoch since_;
  guard::Moment began_;
  bool hashes_ = false;
  std::uint64_t size_ = 0;
};

// An unsafe request: what enforce would have said, and the stamps that it leaves.
class Exchange::ObservedWrite final : public Onlooker {
 public:
  explicit ObservedWrite(Exchange& exchange)
      : x_(exchange),
        desk_(exchange.desk()),
        who_(exchange.observed()),
        duty_(desk_, exchange.worker_.io.get_executor()) {
    http::Checked<guard::Resource> resource = x_.resource();
    // Where the rest cannot be named the path still can.
    resource_ = resource.has_error() ? guard::Resource{{x_.routing_.folded}, {}}
                                     : std::move(*resource);
    paths_.push_back(x_.observed_path(resource_.paths.front()));
    for (const std::string& path : std::span(resource_.paths).subspan(1)) {
      paths_.push_back(x_.site().keyring.target_digest({}, path));
    }
    foresee();
  }
  ObservedWrite(const ObservedWrite&) = delete;
  ObservedWrite& operator=(const ObservedWrite&) = delete;
  ~ObservedWrite() { end(LostUpdates::Effect::unknown); }

  void sending() override {
    const Submitted submitted = duty_.submit({.resource = resource_,
                                              .hold = guard::Hold::none,
                                              .condition = {},
                                              .view = {},
                                              .in_doubt = x_.route_->in_doubt},
                                             x_.terms());
    // A reload has come since it entered its Passage, which is waited for instead of its stamps.
    stamped_ = submitted == Submitted::yes;
    if (stamped_) {
      expect(guard::Do::connect);
      duty_.connected();
      expect(guard::Do::send);
      duty_.sending();
    }
    sent_ = true;
    write_ = desk_.observatory().write_begins(
        who_, paths_, guarded_ ? LostUpdates::Kind::judged : LostUpdates::Kind::other);
  }

  void unsent() override {
    if (stamped_) {
      duty_.unsent();
      duty_.leave();
    }
    end(LostUpdates::Effect::nothing);
  }

  void content(std::string_view) override {}

  void answered(const http::ResponseHead& head) override {
    if (!sent_) return;
    // What is answered before it was read whole may still be under way to the API.
    const bool doubtful = x_.route_->doubts(head.status) || (head.status == 202 && guarded_) ||
                          !x_.reader_.done();
    if (doubtful) {
      if (stamped_) duty_.in_doubt();
      return end(LostUpdates::Effect::unknown);
    }
    if (stamped_) duty_.settled();
    const bool changed = head.status >= 200 && head.status < 300;
    end(changed ? LostUpdates::Effect::changed : LostUpdates::Effect::nothing);
  }

 private:
  // What holds no gate is never told to wait, and never refused.
  void expect(guard::Do what) {
    Task<std::optional<guard::Action>> next = duty_.next(x_.client_);
    IFMATCH_ASSERT(next.await_ready());
    const std::optional<guard::Action> action = next.await_resume();
    IFMATCH_ASSERT(action && action->what == what);
  }

  void foresee() {
    const http::Fields& fields = x_.head_.fields;
    const http::Checked<WriteTerms> terms = terms_of(*x_.route_, x_.head_, x_.shape_.target);
    std::optional<Foresight> foresight;
    bool conditional = fields.has(http::FieldId::if_match);
    if (may_stand_for_another(x_.head_.method)) {
      foresight = Foresight::ambiguous;
    } else if (terms.has_error()) {
      foresight = foresight_of(terms.error().problem);
    } else if (terms->guarded) {
      foresight = foresee(terms->conditions);
      conditional = conditional || terms->conditions.has_precondition;
    }
    guarded_ = foresight.has_value();
    if (!foresight) return;
    x_.account_.guarded = true;
    x_.account_.decision = decision_of(*foresight);
    desk_.observatory().foreseen(who_,
                                 conditional ? Observatory::Carries::condition
                                             : Observatory::Carries::nothing,
                                 *foresight);
    if (guard::is_refusal(*foresight)) tell("would be refused: " + std::string(name_of(*foresight)));
  }

  Foresight foresee(const http::ParsedConditions& conditions) {
    if (!conditions.condition) return Foresight::pass;  // on_missing is allow
    const guard::Condition& condition = *conditions.condition;
    const bool tags = condition.if_match && !condition.if_match->any;
    if (tags && condition.if_match->versions.empty()) {
      // Whether a tag of the API's own is stale only the API knows.
      return conditions.rewritten_tag_seen ? Foresight::stale : Foresight::unverifiable;
    }
    const http::Keyring& keyring = x_.site().keyring;
    const http::Target& target = x_.shape_.target;
    guard::View view;
    view.target = keyring.target_digest(target.host, target.octets);
    view.viewer = keyring.viewer_digest(x_.head_.fields, x_.route_->settings->vary);
    const guard::Foreseen told = desk_.ask([&](guard::Engine& engine) {
      return engine.foresee(resource_, view, condition);
    });
    switch (told) {
      case guard::Foreseen::holds: return Foresight::pass;
      case guard::Foreseen::differs: return Foresight::stale;
      case guard::Foreseen::exists: return Foresight::exists;
      case guard::Foreseen::nothing: break;
    }
    const bool overtaken = tags && desk_.observatory().is_overtaken(who_, paths_.front(),
                                                                    condition.if_match->versions);
    return overtaken ? Foresight::stale : Foresight::unverifiable;
  }

  void end(LostUpdates::Effect effect) {
    if (!std::exchange(sent_, false)) return;
    const LostUpdates::Loss loss = desk_.observatory().write_ends(who_, write_, paths_, effect);
    if (loss == LostUpdates::Loss::lost) tell("has overwritten another's change that it never saw");
  }

  void tell(std::string_view finding) {
    if (!spdlog::should_log(spdlog::level::info)) return;
    const Observatory::MayLog may = desk_.observatory().may_log(Clock::now());
    if (!may.now) return;
    if (may.left_out > 0) spdlog::info("observe: {} findings were not logged", may.left_out);
    std::string client;
    http::append_json_string(client, who_.client);
    spdlog::info("observe: {} {} of {}, route {}: {}{}{}", x_.head_.method,
                 x_.shape_.target.path(), client, who_.route, finding,
                 x_.account_.trace_id.empty() ? "" : ", trace ", x_.account_.trace_id);
  }

  Exchange& x_;
  GuardDesk& desk_;
  Observed who_;
  Obligation duty_;
  guard::Resource resource_;
  std::vector<guard::Digest> paths_;  // its own first
  bool guarded_ = false;
  bool sent_ = false;  // and not ended
  bool stamped_ = false;
  LostUpdates::Write write_;
};

Observed Exchange::observed() const {
  const std::string_view field = route_->settings->observe.client_field;
  const std::string_view named = http::trimmed(head_.fields.first(field));
  const std::string_view name =
      client_name(named.empty() ? head_.fields.first("User-Agent") : named);
  return {.route = route_->config->name,
          .client = name,
          .instance =
              site().keyring.client_digest(account_.client_address, name, head_.fields)};
}

guard::Digest Exchange::observed_path(const std::string& folded) const {
  const http::Target& target = shape_.target;
  return site().keyring.target_digest(
      {}, target.has_query() ? folded + "?" + std::string(target.query()) : folded);
}

void Exchange::withhold_own_tags() {
  const std::vector<guard::Version> versions = own_versions(head_.fields);
  if (versions.empty()) return;
  const http::Target& target = shape_.target;
  const guard::Digest digest =
      site().keyring.target_digest(target.host, target.octets);
  const bool handed_out = desk().ask([&](const guard::Engine& engine) {
    return engine.handed_out(digest, versions);
  });
  if (handed_out) withheld_ = "If-Match";
}

Task<Flow> Exchange::observe_way() {
  withhold_own_tags();
  if (http::kind_of(head_.method) == http::MethodKind::unsafe) return observe_write();
  // A tunnel has no content that could be looked at.
  if (offers_upgrade()) return pass_way();
  // Whatever content a GET has selects something that nobody could name.
  if (!reader_.done()) return pass_way();
  return observe_read();
}

Task<Flow> Exchange::observe_write() {
  ObservedWrite writing(*this);
  onlooker_ = &writing;
  co_return co_await pass_way();
}

Task<Flow> Exchange::observe_read() {
  Lent<plugins::VersionHasher> hasher = edition_->lend_hasher(*route_);
  ObservedRead reading(*this, hasher);
  Answer answer(worker_);
  answer.interim = http::Validators::keep;
  const Lent<std::string> octets =
      upstream_head(head_.method, http::Carry::everything, {}, hop_lines(answer));
  account_.forwarded = true;
  const Result<void> asked = co_await ask(answer, *octets, head_.method, never, account_.upstream);
  if (asked.has_error()) {
    co_return co_await refuse(http::problem_of(asked.error(), http::MethodKind::read));
  }
  const int status = answer.head.status;
  const bool tells = status == 200 || status == 304 || status == 404 || status == 410;
  HeldContent held(worker_.contents);
  BodyHold hold(site().bodies);
  std::string etag;
  // A HEAD shows nothing, and a part not the whole.
  if (head_.method == "GET" && tells && !is_endless(answer.head)) {
    onlooker_ = &reading;
    if (status == 200) reading.begin(answer.head);
  }
  if (onlooker_ != nullptr && status == 200 && !answer.head.fields.has(http::FieldId::etag)) {
    keep_trailers(answer, http::Validators::keep);
    const ReadError error = co_await hold_back(answer, reading, held, hold);
    if (error != ReadError::none) {
      co_return co_await refuse(http::problem_of(
          fault_of(error, http::Origin::upstream, http::Sent::all), http::MethodKind::read));
    }
    if (answer.reader->done()) {
      onlooker_ = nullptr;
      const auto version = reading.read(answer.head, guard::Shown::to_client);
      if (version) etag = http::format_tag(*version);
    }
  }
  const Result<void> begun = begin_content(answer, http::Validators::keep);
  if (begun.has_error()) {
    co_return co_await refuse(http::problem_of(begun.error(), http::MethodKind::read));
  }
  const Flow flow = co_await relay(answer, http::Validators::keep, held.view(), etag);
  answer.finish();
  co_return flow;
}

Task<ReadError> Exchange::hold_back(Answer& answer, ObservedRead& reading, HeldContent& held,
                                    BodyHold& hold) {
  const http::ContentFraming& framing = answer.shape.framing;
  const bool counted = framing.kind == http::Framing::length;
  if (counted && framing.length > route_->settings->max_body) co_return ReadError::none;
  const Instant impatient = client_.after(counted ? patience_with_length : patience);
  ReadError error = answer.reader->take_buffered();
  while (error == ReadError::none) {
    bool room = true;
    for (std::string_view piece : answer.reader->pieces()) {
      reading.content(piece);
      room = hold.take(piece.size()) && room;
      held.append(piece);
    }
    if (answer.reader->done() || !room || reading.overflowing()) break;
    error = co_await answer.reader->read_content(
        std::min(impatient, client_.after(response_timeout())));
    if (error == ReadError::timeout) co_return ReadError::none;
  }
  co_return error;
}

}  // namespace ifmatch::net
