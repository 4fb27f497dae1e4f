// One request and its answer. Finds the route and takes one of four ways: the read way (GET and
// HEAD of a guarded route, read_way.cpp), the write way (every unsafe request that holds a gate,
// write_way.cpp), the pass way (everything else, streamed in both directions, pass_way.cpp), and
// the observe way (the pass way with somebody who looks on, observe_way.cpp).
#pragma once

#include "proxy/http/forwarding.hpp"
#include "proxy/http/framing.hpp"
#include "proxy/http/trace_context.hpp"
#include "proxy/net/message_reader.hpp"
#include "proxy/net/routing.hpp"
#include "proxy/net/worker.hpp"

namespace ifmatch::net {

using RequestReader = MessageReader<http::RequestHead>;
using ResponseReader = MessageReader<http::ResponseHead>;

// What becomes of the client's connection.
enum class Flow : std::uint8_t {
  keep,   // the next request may follow
  close,  // say no more; what still arrives is discarded for a moment
  drop,   // nobody waits for anything on it
};

// An answer of the upstream that is being read. The reader goes before the connection it reads.
struct Answer {
  explicit Answer(Worker& worker) : lent_head(worker.lend_head()), head(*lent_head) {}

  Lease lease;
  Lent<http::ResponseHead> lent_head;
  http::ResponseHead& head;
  http::ResponseShape shape;
  std::optional<ResponseReader> reader;
  // How interim answers go on to the client; where it is unset they are none of its business.
  std::optional<http::Validators> interim;
  std::size_t interims = 0;  // that came
  http::Offer offer = http::Offer::none;
  http::Fields trailers;     // where begin_content() was asked to keep them

  // Gives the connection back if the answer was complete, closes it otherwise.
  void finish();
  // Keeps the lease for a further request, if the answer allows that; drops it otherwise.
  void keep_lease();
};

// The fault that a failed read or write means.
[[nodiscard]] http::Fault fault_of(ReadError error, http::Origin origin, http::Sent sent);

// The answer to a client whose message is broken or late. The connection ends with it.
[[nodiscard]] http::ProblemDetails problem_of_client(ReadError error);

// Looks on while a request and its answer are passed on as they are. It must not wait.
class Onlooker {
 public:
  // The first octet is about to be sent.
  virtual void sending() = 0;
  // Sending failed before the first octet.
  virtual void unsent() = 0;
  // Some of the content of the answer, before it is sent on.
  virtual void content(std::string_view piece) = 0;
  // All of the answer has been read, and the last of it has not been sent on.
  virtual void answered(const http::ResponseHead& head) = 0;

 protected:
  ~Onlooker() = default;
};

// An event stream has no end that could be waited for.
[[nodiscard]] bool is_endless(const http::ResponseHead& head);

class Upload;

class Exchange {
 public:
  // Everything given must outlive the exchange. It is served with the edition of this moment.
  Exchange(Worker& worker, Connection& client, RequestReader& reader, const http::RequestHead& head,
           const http::RequestShape& shape, const Door& door, const config::Listener& listener,
           const http::Peer& peer, const Beginning& beginning);

  [[nodiscard]] Task<Flow> serve();

  // What serve() has returned, for the account. A tunnel ends with its connection, whoever ends it.
  void ended(Flow flow) noexcept {
    const bool left = flow == Flow::drop && account_.ending == Ending::whole &&
                      account_.status != 101;
    if (left) account_.ending = Ending::client_left;
  }

 private:
  // The ways.
  [[nodiscard]] Task<Flow> read_way();
  [[nodiscard]] Task<Flow> write_way();
  [[nodiscard]] Task<Flow> pass_way();
  [[nodiscard]] Task<Flow> observe_way();
  // Begins anew with the newest edition: a reload has changed what binds there since this one
  // began, and nothing has been sent yet.
  [[nodiscard]] Task<Flow> again();

  // Of the read way.
  struct Reading;
  enum class Entered : std::uint8_t { yes, answered, superseded };
  [[nodiscard]] Task<Entered> enter_read(Obligation& duty, const guard::Resource& resource,
                                         Flow& answered);
  // Takes in what has not come with the head, up to what is held back to be tagged.
  [[nodiscard]] Task<ReadError> take_content(Reading& reading, Answer& answer,
                                             plugins::VersionHasher& hasher);
  [[nodiscard]] Task<Flow> answer_read(Reading& reading, Answer& answer,
                                       const std::optional<guard::Version>& version);
  [[nodiscard]] Task<Flow> relay_untagged(Reading& reading, Answer& answer);
  [[nodiscard]] Task<Flow> wait_for(Task<error_code> written, Lent<std::string> octets,
                                           Lent<std::vector<asio::const_buffer>> buffers,
                                           Answer& answer, http::Closing ending);

  // Of the pass way.
  // The answer to an OPTIONS that was to be forwarded no further (RFC 9110 section 7.6.2), or asks
  // about the server as a whole.
  [[nodiscard]] Task<Flow> answer_options();
  [[nodiscard]] Task<Flow> pass_with_content(Answer& answer);
  [[nodiscard]] Task<Flow> pass_content(Answer& answer, Upload& upload, Passage& passage);
  // Passes on that the API has switched to WebSocket, and is a tunnel until that ends (tunnel.cpp).
  [[nodiscard]] Task<Flow> join(Answer& answer);
  [[nodiscard]] bool offers_upgrade() const noexcept;
  // What the next hop is told of this request, as whole lines.
  [[nodiscard]] std::string hop_lines(const Answer& answer) const;
  [[nodiscard]] bool is_guarded() const noexcept {
    return route_->settings->mode == config::Mode::enforce;
  }
  // What of a message a route of this mode passes on.
  [[nodiscard]] http::Carry carry() const noexcept {
    return is_guarded() ? http::Carry::guarded : http::Carry::everything;
  }
  [[nodiscard]] http::Validators validators() const noexcept {
    return is_guarded() ? http::Validators::drop : http::Validators::keep;
  }

  // Of the observe way.
  class ObservedRead;
  class ObservedWrite;
  [[nodiscard]] Observed observed() const;
  // What a write changes, as losses are counted: with its query, because gates may cover too much,
  // but what is another resource to the API must not look like a loss.
  [[nodiscard]] guard::Digest observed_path(const std::string& folded) const;
  [[nodiscard]] Task<Flow> observe_read();
  [[nodiscard]] Task<Flow> observe_write();
  // Leaves out an If-Match that only we could have given the client a reason for.
  void withhold_own_tags();
  // Takes in an answer that is to be tagged, unless it is too large or too slow for that.
  [[nodiscard]] Task<ReadError> hold_back(Answer& answer, ObservedRead& reading,
                                          HeldContent& held, BodyHold& hold);

  // Of more than one way.
  // Finds who the client is and which trace the request belongs to.
  void identify();
  [[nodiscard]] http::Checked<guard::Resource> resource() const;
  [[nodiscard]] Lent<std::string> upstream_head(std::string_view method, http::Carry carry,
                                                const http::ContentFraming& framing,
                                                std::string_view hop_lines = {}) const;
  // Records what a GET has shown, unless the record could not tell it from something else.
  void learn(guard::ResourceView resource, const guard::Digest& target, const http::Fields& asked,
             const http::Fields& answered, const guard::Version& version, guard::Epoch since,
             guard::Shown shown = guard::Shown::to_client);
  // Sends a request without content that may be sent twice, and reads the head of its answer. Uses
  // the lease in `answer` if there is one. The time is added to `took`.
  [[nodiscard]] Task<Result<void>> ask(Answer& answer, std::string_view octets,
                                       std::string_view method, Instant total,
                                       Clock::duration& took);
  // What the engine wants next. The time that this takes is spent waiting at gates.
  [[nodiscard]] Task<std::optional<guard::Action>> next_action(Obligation& duty);
  [[nodiscard]] Task<std::optional<guard::Action>> wait_at_gates(Obligation& duty);
  // Reads heads until one that is not 1xx. Its first octet may take until `first_octet`.
  [[nodiscard]] Task<Result<void>> read_answer_head(Answer& answer, std::string_view method,
                                                    Instant first_octet, Instant total);
  // Takes what has come of the content with the head, while a fault can still be told. Trailer
  // fields are kept where the client can be handed them.
  [[nodiscard]] Result<void> begin_content(Answer& answer, http::Validators validators);
  void keep_trailers(Answer& answer, http::Validators validators);
  // Whether trailer fields of this answer go on to the client.
  [[nodiscard]] bool trails(const Answer& answer, http::Validators validators) const noexcept;

  // Interim answers, and what of them the client has not taken yet (interim.cpp).
  void pass_interim(const Answer& answer);
  void send_interim(std::string_view octets);
  void tell_to_continue();
  [[nodiscard]] Task<error_code> flush_interim();

  // Sends on an answer as it arrives (relaying.cpp). `held` was read of it before and goes first.
  // REQUIRES: begin_content().
  [[nodiscard]] Task<Flow> relay(Answer& answer, http::Validators validators,
                                 std::string_view held, std::string_view etag = {});
  enum class Coding : std::uint8_t { none, chunked };
  // `buffers` holds the head, which goes out with the first pieces.
  [[nodiscard]] Task<Flow> relay_content(Answer& answer, std::vector<asio::const_buffer>& buffers,
                                         Coding coding, std::string_view held,
                                         http::Closing ending);
  [[nodiscard]] Task<Flow> send(std::span<asio::const_buffer> buffers, http::Closing closing);
  [[nodiscard]] static Task<Flow> sent_later(Task<error_code> written, http::Closing closing);
  // The same of something that was made for this one answer, and is kept until it is written.
  [[nodiscard]] static Task<Flow> sent_later(Task<error_code> written, Lent<std::string> octets,
                                             Lent<std::vector<asio::const_buffer>> buffers,
                                             http::Closing closing);
  [[nodiscard]] Task<Flow> send_behind_interim(std::span<asio::const_buffer> buffers,
                                               http::Closing closing);
  [[nodiscard]] static Flow flow_after(const error_code& failure, http::Closing closing);
  [[nodiscard]] Task<Flow> refuse(http::ProblemDetails details);
  // Reads and drops what the client still sends of its content, so that the connection lives on.
  [[nodiscard]] Task<Flow> refuse_when_drained(http::ProblemDetails details);
  // Completes `details`, which need not outlive the call.
  [[nodiscard]] Task<Flow> refuse_now(http::ProblemDetails& details);
  [[nodiscard]] http::Closing closing() const;
  // By when a client must have taken so much. Silences alone would let an octet a minute do.
  [[nodiscard]] Instant taken_by(std::size_t octets) const;
  // What the upstream is told as Host: as the client sent it, and its own where there was none.
  [[nodiscard]] std::string_view host() const {
    return shape_.target.host.empty() ? route_->authority : shape_.target.host;
  }
  [[nodiscard]] std::string_view client_scheme() const {
    return client_.tls() != nullptr ? "https" : "http";
  }
  [[nodiscard]] std::chrono::milliseconds response_timeout() const {
    return route_->upstream->timeouts.response;
  }

  [[nodiscard]] const Site& site() const noexcept { return edition_->site(); }
  [[nodiscard]] GuardDesk& desk() const { return edition_->desk_of(*route_); }
  [[nodiscard]] Terms terms() const { return edition_->terms_of(*route_); }
  [[nodiscard]] UpstreamPool& pool() const { return edition_->pool_of(*route_); }

  friend class Writing;
  friend class Upload;

  Worker& worker_;
  EditionPtr edition_;  // keeps alive what all below refers to
  Connection& client_;
  RequestReader& reader_;
  const http::RequestHead& head_;
  const http::RequestShape& shape_;
  const Door& door_;
  const config::Listener& listener_;
  const http::Peer& peer_;
  std::unique_ptr<http::Claims> claims_;  // of a trusted peer that makes any
  std::optional<std::string_view> traceparent_;  // see ForwardedRequest
  std::array<char, http::traceparent_octets> made_traceparent_;
  bool continue_owed_ = false;  // the client waits for 100 before it sends its content
  bool continued_ = false;      // it was told so
  bool must_close_ = false;     // the answer cannot be delimited, or content was left unread
  unsigned restarts_ = 0;       // how often again() was called
  std::optional<std::string> content_;  // of a write that begins anew
  std::string hops_left_;       // Max-Forwards of an OPTIONS as forwarded, "" where it has none
  std::string_view withheld_;   // a field of the client's that is not forwarded, "" for none
  Onlooker* onlooker_ = nullptr;  // of the observe way
  std::string interim_left_;    // of interim answers, whole or not, that the client has yet to take
  bool interim_flows_ = false;  // flush_interim() is under way
  Upload* upload_ = nullptr;    // one that waits until the API wants the content

  Routing routing_;
  const SiteRoute* route_ = nullptr;  // routing_.route
  Account account_;
  Reckoning reckoning_;  // tells it first of all that ends
};

// The answer that belongs to a refusal which depends on the moment: busy or in doubt.
[[nodiscard]] http::ProblemDetails problem_of_refusal(const guard::Action& action);

// For names that need not be secret: made by a generator of the thread.
[[nodiscard]] std::uint64_t random_word();

// A fresh "urn:uuid:..." for a problem answer.
[[nodiscard]] std::string make_instance();

}  // namespace ifmatch::net
