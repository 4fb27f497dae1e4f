// One unsafe request that holds gates, from its checks to its settled answer. The engine decides,
// this does: it probes, waits, connects, sends once, and reports the outcome exactly once.
#pragma once

#include "proxy/net/exchange.hpp"

namespace ifmatch::net {

class Writing {
 public:
  explicit Writing(Exchange& exchange);
  Writing(const Writing&) = delete;
  Writing& operator=(const Writing&) = delete;

  // Unset when it has to begin anew, with another writing: Exchange::again().
  [[nodiscard]] Task<std::optional<Flow>> run();

 private:
  // Another way to ask for the representation that the sent tag may name.
  struct Candidate {
    std::string_view accept;           // "" for none
    std::string_view accept_language;  // "" for none
    bool without_credentials = false;
    std::optional<http::RequestHead> head;  // the writer's own where unset; made when it is asked
  };

  // What the latest probe answered, beyond what the engine needs.
  struct Probed {
    std::optional<Lent<http::ResponseHead>> head;  // unset where nothing was answered
    std::string content;             // kept only to be shown or relayed
    bool content_complete = false;   // all of it is in `content`
    std::optional<http::Fault> fault;
  };

  struct Outcome {
    Lent<http::ResponseHead> head;
    http::ResponseShape shape;
    std::string content;
    std::uint64_t size = 0;
    bool overflowed = false;
    bool doubtful = false;  // it settles nothing
  };

  // Steps, in the order in which they are taken. A set optional is an answer that was given.
  [[nodiscard]] std::optional<http::ProblemDetails> check();
  [[nodiscard]] Task<std::optional<Flow>> read_content();
  [[nodiscard]] Task<std::optional<Flow>> collect_content();
  // From one writing of an exchange to the next, which begins anew.
  void keep_content();
  [[nodiscard]] Task<std::optional<Flow>> take_kept_content();
  void complete_request();
  [[nodiscard]] Task<Flow> follow();

  // What the engine may say.
  [[nodiscard]] Task<void> probe(const guard::Action& action);
  [[nodiscard]] Task<guard::Observation> observe(const Candidate& candidate, bool keep_lease);
  [[nodiscard]] Task<std::optional<Flow>> connect();
  [[nodiscard]] Task<std::optional<Flow>> forward();
  [[nodiscard]] Task<Result<Outcome>> exchange_once();
  [[nodiscard]] Task<Flow> refuse(const guard::Action& action);
  // What is told of a refusal that no answer of the API tells.
  [[nodiscard]] http::ProblemDetails problem_of(const guard::Action& action) const;

  void find_candidates();
  void add_candidate(std::string_view accept, std::string_view accept_language,
                     bool without_credentials);
  [[nodiscard]] Task<Flow> answer(Outcome& outcome, std::string_view etag);
  [[nodiscard]] Task<Flow> relay_probe();
  [[nodiscard]] Task<Flow> show_current(const Probed& shown, const guard::Version& current);
  [[nodiscard]] Task<std::string> lawful_tag(const Outcome& outcome);
  [[nodiscard]] Lent<std::string> probe_head(const Candidate& candidate) const;

  Exchange& x_;
  const SiteRoute& route_;
  bool enforced_;
  WriteTerms terms_;  // of a bypass route: nothing is decided, shared gates only
  bool wants_representation_ = false;  // Prefer: return=representation
  guard::WriteRequest request_;  // what the engine is told; it has the condition of terms_
  std::string_view content_;     // of the request; in the client's buffer, or in `collected_`
  std::string collected_;
  BodyHold hold_;  // of the content of the request, of probes that are shown, of the answer
  std::string_view probe_target_;  // that of the request, or `rewritten_target_`
  std::string rewritten_target_;

  Obligation duty_;
  Lease lease_;
  std::string accept_;           // of the request
  std::string accept_language_;  // of the request
  std::vector<Candidate> candidates_;
  std::size_t next_candidate_ = 0;
  std::optional<Instant> probed_at_;  // the end of the latest probe inside the gate
  bool version_seen_ = false;  // by an earlier one of the candidates
  Probed probed_;
  std::optional<Probed> shown_;  // the first of its candidates that had a version: what a 412 shows
  std::optional<std::chrono::seconds> keep_alive_;  // what the latest probe's answer allowed
};

// Whether a Prefer field asks for `return=representation` (RFC 7240).
[[nodiscard]] bool prefers_representation(const http::Fields& fields);

}  // namespace ifmatch::net
