// Probes: GETs of ours, on behalf of a writer, that learn which version is current. They carry the
// writer's own fields, credentials above all; only what the representation is negotiated by varies.
#include <array>
#include <utility>

#include "proxy/guard/assert.hpp"
#include "proxy/http/entity_tag.hpp"
#include "proxy/net/writing.hpp"

namespace ifmatch::net {
namespace {

constexpr std::size_t candidates_max = 6;

bool is_redirect(int status) { return status >= 300 && status < 400 && status != 304; }

guard::Sight sight_of(int status) {
  if (status == 200) return guard::Sight::version;
  if (status == 404 || status == 410) return guard::Sight::absent;
  if (status == 401 || status == 403 || status == 429 || is_redirect(status)) {
    return guard::Sight::relay;
  }
  return guard::Sight::undecidable;
}

// The head with other fields of negotiation, "" meaning none.
http::RequestHead with_negotiation(const http::RequestHead& head, std::string_view accept,
                                   std::string_view accept_language, bool without_credentials) {
  http::RequestHead changed;
  changed.method = head.method;
  changed.target = head.target;
  changed.minor_version = head.minor_version;
  for (std::size_t index = 0; index < head.fields.size(); ++index) {
    const http::FieldId id = head.fields.id(index);
    const bool negotiates = id == http::FieldId::accept || id == http::FieldId::accept_language;
    const bool credentials = id == http::FieldId::authorization || id == http::FieldId::cookie;
    if (negotiates || (credentials && without_credentials)) continue;
    const http::Fields::Line line = head.fields.line(index);
    changed.fields.add(line.name, line.value);
  }
  if (!accept.empty()) changed.fields.add("Accept", accept);
  if (!accept_language.empty()) changed.fields.add("Accept-Language", accept_language);
  return changed;
}

}  // namespace

bool prefers_representation(const http::Fields& fields) {
  return http::lists(fields, http::FieldId::prefer, "return=representation");
}

void Writing::add_candidate(std::string_view accept, std::string_view accept_language,
                            bool without_credentials) {
  if (candidates_.size() == candidates_max) return;
  without_credentials = without_credentials && !http::is_anonymous(x_.head_.fields);
  for (const Candidate& known : candidates_) {
    if (known.without_credentials == without_credentials && known.accept == accept &&
        known.accept_language == accept_language) {
      return;
    }
  }
  candidates_.push_back({accept, accept_language, without_credentials, std::nullopt});
}

void Writing::find_candidates() {
  candidates_.clear();
  next_candidate_ = 0;
  const http::Fields& own = x_.head_.fields;
  accept_ = own.joined(http::FieldId::accept);
  accept_language_ = own.joined(http::FieldId::accept_language);
  // Negotiations under which a tag was handed out to somebody without credentials.
  std::vector<std::pair<std::string_view, std::string_view>> anonymous;
  if (request_.condition && request_.condition->if_match) {
    const std::vector<guard::Hint> hints = x_.desk().ask([&](guard::Engine& engine) {
      return engine.hints(request_.view.target, request_.condition->if_match->versions);
    });
    for (const guard::Hint& hint : hints) {
      const http::SelectionTable::Pair* pair = x_.site().selections.find(hint.selection);
      if (pair != nullptr) add_candidate(pair->accept, pair->accept_language, false);
      if (!hint.without_credentials) continue;
      if (pair != nullptr) {
        anonymous.emplace_back(pair->accept, pair->accept_language);
      } else {
        anonymous.emplace_back(accept_, accept_language_);
      }
    }
  }
  // The writer's own negotiation.
  add_candidate(accept_, accept_language_, false);
  const std::string_view type = own.first(http::FieldId::content_type);
  if (terms_.puts && !type.empty()) add_candidate(type, accept_language_, false);
  std::string_view configured_accept = accept_;
  std::string_view configured_language = accept_language_;
  for (const auto& [name, value] : route_.settings->probe_headers) {
    const http::FieldId id = http::identify(name);
    if (id == http::FieldId::accept) configured_accept = value;
    if (id == http::FieldId::accept_language) configured_language = value;
  }
  if (!route_.settings->probe_headers.empty()) {
    add_candidate(configured_accept, configured_language, false);
  }
  // Last: what the tag was handed out to may have had no credentials at all.
  for (const auto& [asked, spoken] : anonymous) add_candidate(asked, spoken, true);
}

Lent<std::string> Writing::probe_head(const Candidate& candidate) const {
  std::vector<http::FieldLine> configured;
  for (const auto& [name, value] : route_.settings->probe_headers) {
    const http::FieldId id = http::identify(name);
    const bool negotiates = id == http::FieldId::accept || id == http::FieldId::accept_language;
    if (!negotiates) configured.push_back({.name = name, .value = value});
  }
  Lent<std::string> octets = x_.worker_.lend_string();
  http::write_request_head(*octets, {.head = candidate.head ? *candidate.head : x_.head_,
                                     .method = "GET",
                                     .base_path = route_.upstream->base_path,
                                     .target = probe_target_,
                                     .host = x_.host(),
                                     .client_address = x_.peer_.text,
                                     .client_scheme = x_.client_scheme(),
                                     .framing = {},
                                     .carry = http::Carry::probe,
                                     .identity_coding = true,
                                     .no_cache = true,
                                     .without_credentials = candidate.without_credentials,
                                     .replaced = configured,
                                     .traceparent = x_.traceparent_,
                                     .claims = x_.claims_.get()});
  return octets;
}

Task<void> Writing::probe(const guard::Action& action) {
  if (action.first_probe) {
    find_candidates();
    shown_.reset();
    version_seen_ = false;
  }
  IFMATCH_ASSERT(next_candidate_ < candidates_.size());
  Candidate& candidate = candidates_[next_candidate_++];
  const bool as_sent = !candidate.without_credentials && candidate.accept == accept_ &&
                       candidate.accept_language == accept_language_;
  if (!as_sent && !candidate.head) {
    candidate.head = with_negotiation(x_.head_, candidate.accept, candidate.accept_language,
                                      candidate.without_credentials);
  }
  const guard::Epoch since = x_.desk().epoch();
  const guard::Observation seen = co_await observe(candidate, action.gated);
  ++x_.account_.probes[static_cast<std::size_t>(seen.sight)];
  if (action.gated) probed_at_ = x_.worker_.sinks.empty() ? x_.worker_.sweeper.now() : Clock::now();
  if (seen.sight == guard::Sight::version) {
    // What other fields a probe carried selects a variant that no client's GET would name.
    if (route_.settings->probe_headers.empty()) {
      x_.learn(request_.resource, request_.view.target,
               candidate.head ? candidate.head->fields : x_.head_.fields, (*probed_.head)->fields,
               seen.version, since,
               version_seen_ ? guard::Shown::to_us : guard::Shown::to_client);
    }
    // A 412 names the first version that was seen, and no other.
    version_seen_ = true;
    if (wants_representation_ && !shown_) shown_.emplace(std::move(probed_));
  }
  duty_.probed(seen, since,
               next_candidate_ < candidates_.size() ? guard::Engine::Candidates::more
                                                    : guard::Engine::Candidates::exhausted);
}

Task<guard::Observation> Writing::observe(const Candidate& candidate, bool keep_lease) {
  probed_.head.reset();
  probed_.content.clear();
  probed_.content_complete = false;
  probed_.fault.reset();
  guard::Observation seen;
  const Instant total = Clock::now() + x_.response_timeout();
  // What the API says unasked on the connection that was kept would be taken for the answer.
  if (lease_ && !lease_.connection().silent()) lease_ = Lease();
  Answer answer(x_.worker_);
  answer.lease = std::move(lease_);
  const Lent<std::string> octets = probe_head(candidate);
  const Result<void> asked = co_await x_.ask(answer, *octets, "GET", total, x_.account_.probing);
  if (asked.has_error()) {
    probed_.fault = asked.error();
    co_return seen;
  }
  const http::ResponseHead& head = *probed_.head.emplace(std::move(answer.lent_head));
  const http::Fields& fields = head.fields;
  seen.sight = sight_of(head.status);
  // What is refused to nobody in particular says nothing about this writer.
  if (candidate.without_credentials && seen.sight != guard::Sight::version) {
    seen.sight = guard::Sight::undecidable;
  }
  const bool is_version = seen.sight == guard::Sight::version;
  bool keep = wants_representation_ || !is_version;
  const Lent<plugins::VersionHasher> hasher = x_.edition_->lend_hasher(route_);
  hasher->begin(fields.first(http::FieldId::content_type),
                fields.first(http::FieldId::content_encoding));
  ReadError error = answer.reader->take_buffered();
  while (error == ReadError::none) {
    for (std::string_view piece : answer.reader->pieces()) {
      if (is_version) hasher->update(std::as_bytes(std::span(piece)));
      keep = keep && probed_.content.size() + piece.size() <= route_.settings->max_body &&
             hold_.take(piece.size());
      if (keep) probed_.content.append(piece);
    }
    if (answer.reader->done()) break;
    error = co_await answer.reader->read_content(total);
  }
  if (error != ReadError::none) {
    probed_.fault = fault_of(error, http::Origin::upstream, http::Sent::all);
    seen.sight = guard::Sight::undecidable;
    co_return seen;
  }
  probed_.content_complete = keep;
  if (is_version) {
    const std::optional<guard::Version> version = hasher->finish();
    if (version) {
      seen.version = *version;
    } else {
      seen.sight = guard::Sight::undecidable;
    }
  }
  keep_alive_ = answer.shape.keep_alive_timeout;
  if (keep_lease) {
    answer.keep_lease();
    lease_ = std::move(answer.lease);
  } else {
    answer.finish();
  }
  co_return seen;
}

Task<Flow> Writing::relay_probe() {
  if (!probed_.content_complete) {
    http::ProblemDetails problem{
        .problem = http::Problem::version_unknown,
        .status = 502,
        .detail = "The upstream refused to show the resource, with an answer too large to pass "
                  "on. Nothing was written."};
    co_return co_await x_.refuse(std::move(problem));
  }
  Outcome outcome{.head = std::move(*probed_.head), .shape = {}};
  outcome.content = std::move(probed_.content);
  outcome.size = outcome.content.size();
  outcome.shape.framing.kind = http::Framing::length;
  co_return co_await answer(outcome, {});
}

Task<Flow> Writing::show_current(const Probed& shown, const guard::Version& current) {
  const http::Closing ending = x_.closing();
  const std::string etag = http::format_tag(current);
  const std::string_view target = x_.shape_.target.octets;
  const std::array<http::FieldLine, 4> added{{{"Content-Location", target},
                                              {"Preference-Applied", "return=representation"},
                                              {"Vary", "Prefer"},
                                              {"Cache-Control", "no-store"}}};
  x_.account_.status = route_.settings->on_stale == config::OnStale::s409 ? 409 : 412;
  const Lent<std::string> octets = x_.worker_.lend_string();
  http::write_response_head(
      *octets,
      {.head = **shown.head,
       .validators = http::Validators::drop,
       .etag = etag,
       .framing = {.kind = http::Framing::length, .length = shown.content.size()},
       .closing = ending,
       .expose_etag = route_.expose_etag,
       .date = x_.worker_.date(),
       .status = x_.account_.status,
       .replaced = added});
  std::array<asio::const_buffer, 2> buffers{
      asio::const_buffer(octets->data(), octets->size()),
      asio::const_buffer(shown.content.data(), shown.content.size())};
  co_return co_await x_.send(buffers, ending);
}

// A tag goes on the answer to a write only where RFC 9110 section 9.3.4 allows it, and is looked
// for only where the client asked for the representation.
Task<std::string> Writing::lawful_tag(const Outcome& outcome) {
  const int status = outcome.head->status;
  if (!enforced_ || !terms_.guarded || !wants_representation_ ||
      route_.settings->write_tag == config::WriteTag::never || status < 200 || status >= 300) {
    co_return std::string();
  }
  const http::Fields& fields = outcome.head->fields;
  if (status == 200 && !outcome.overflowed &&
      fields.first(http::FieldId::content_location) == x_.shape_.target.octets) {
    const Lent<plugins::VersionHasher> hasher = x_.edition_->lend_hasher(route_);
    hasher->begin(fields.first(http::FieldId::content_type),
                  fields.first(http::FieldId::content_encoding));
    hasher->update(std::as_bytes(std::span(outcome.content)));
    const std::optional<guard::Version> version = hasher->finish();
    co_return version ? http::format_tag(*version) : std::string();
  }
  const http::Fields& sent = x_.head_.fields;
  if (!terms_.puts || sent.has(http::FieldId::content_encoding)) co_return std::string();
  const std::string_view type = sent.first(http::FieldId::content_type);
  Candidate candidate;
  if (!type.empty()) {
    candidate.head = with_negotiation(x_.head_, type,
                                      sent.joined(http::FieldId::accept_language), false);
  }
  const guard::Observation seen = co_await observe(candidate, true);
  ++x_.account_.probes[static_cast<std::size_t>(seen.sight)];
  const bool same = seen.sight == guard::Sight::version && probed_.content_complete &&
                    probed_.content == content_ &&
                    (*probed_.head)->fields.first(http::FieldId::content_type) == type &&
                    !(*probed_.head)->fields.has(http::FieldId::content_encoding);
  co_return same ? http::format_tag(seen.version) : std::string();
}

}  // namespace ifmatch::net
