// The account of one request: what was asked, what was decided, what became of it. The ways fill it
// in as they go; when the request is over it is told, exactly once, to whoever counts and logs on
// that thread. Where nobody does, no clock is looked at.
#pragma once

#include <array>
#include <optional>
#include <string_view>
#include <vector>

#include "proxy/http/message.hpp"
#include "proxy/http/problem.hpp"
#include "proxy/net/decision.hpp"
#include "proxy/net/message_reader.hpp"
#include "proxy/net/site.hpp"

namespace ifmatch::net {

// How the exchange ended, seen from the client.
enum class Ending : std::uint8_t {
  whole,        // the answer was handed to the kernel
  client_left,  // before the answer was, or while it was on its way
  cut_short,    // by us, because what the upstream sent broke off or was late
};

struct Account {
  // What was asked. The views and pointers live until the account has been told, no longer.
  const http::RequestHead* head = nullptr;  // as far as it came: of a broken one perhaps nothing
  std::string_view client_address;
  const TlsStream* tls = nullptr;    // of the client's connection; null in the clear
  std::string_view trace_id;         // "" where traces are none of our business
  const SiteRoute* route = nullptr;  // null where none matched, or where it never came so far
  std::string_view resource;         // the folded path that names the gate; "" where there is none

  // What was decided.
  Decision decision = Decision::none;
  bool from_record = false;                // the record decided, not a probe
  std::optional<http::Problem> problem;    // the answer was one of ours
  std::array<std::uint8_t, probe_result_names.size()> probes{};  // by result
  std::uint8_t out_of_band = 0;            // versions found to have changed around the proxy
  bool guarded = false;                    // a write that needs its precondition

  // What became of it.
  std::uint16_t status = 0;    // that the client was told; 0 where it was told nothing
  Ending ending = Ending::whole;
  bool outcome_unknown = false;  // the write was sent, and what came of it could not be learnt
  bool forwarded = false;        // the request itself was sent to the upstream, in part at least
  std::string_view upstream_address;  // "127.0.0.1:3000", asked last; lives as long as the pool

  // How much, and how long. Durations are zero where nobody listens.
  std::uint64_t octets_in = 0;   // of the request, head and content
  std::uint64_t octets_out = 0;  // of all that the client was sent, interim answers included
  Instant start{};               // when the first octet of it was seen, or was found waiting
  Clock::duration took{};        // from there to the end
  Clock::duration upstream{};    // from the request's first octet to the end of the answer's head
  Clock::duration probing{};     // the same, over all probes
  bool gated = false;            // gates were asked for
  Clock::duration gate_wait{};   // over all its gates
  std::optional<Clock::duration> probe_window;  // from the probe's end to the write's first octet
};

// Somebody who wants to know. One object per thread; the call must neither block nor throw.
class AccountSink {
 public:
  virtual void told(const Account& account) noexcept = 0;
  // Whether it wants to be told at all; asked when a configuration comes into force.
  [[nodiscard]] virtual bool listens() const noexcept { return true; }

 protected:
  ~AccountSink() = default;
};

using AccountSinks = std::vector<AccountSink*>;

// Where a connection stood when a request began.
struct Beginning {
  Beginning(const AccountSinks& sinks, const Connection& client)
      : at(sinks.empty() ? Instant{} : Clock::now()),
        octets_in(client.octets_in() - client.input.readable().size()),
        octets_out(client.octets_out()) {}

  Instant at;
  std::uint64_t octets_in;
  std::uint64_t octets_out;
};

// Tells an account when it ends. Everything given must outlive it.
class Reckoning {
 public:
  Reckoning(const AccountSinks& sinks, Account& account, const Connection& client,
            const MessageReader<http::RequestHead>& reader, const Beginning& beginning)
      : sinks_(sinks), account_(account), client_(client), reader_(reader), beginning_(beginning) {
    account_.start = beginning.at;
  }
  Reckoning(const Reckoning&) = delete;
  Reckoning& operator=(const Reckoning&) = delete;
  ~Reckoning() {
    if (!sinks_.empty()) tell();
  }

 private:
  void tell() noexcept;

  const AccountSinks& sinks_;
  Account& account_;
  const Connection& client_;
  const MessageReader<http::RequestHead>& reader_;
  Beginning beginning_;
};

// Adds the time that it lives to `sum`, where somebody listens.
class Stopwatch {
 public:
  Stopwatch(const AccountSinks& sinks, Clock::duration& sum)
      : sum_(sinks.empty() ? nullptr : &sum), since_(sinks.empty() ? Instant{} : Clock::now()) {}
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;
  ~Stopwatch() {
    if (sum_ != nullptr) *sum_ += Clock::now() - since_;
  }

 private:
  Clock::duration* sum_;
  Instant since_;
};

}  // namespace ifmatch::net
