// What an operator can say, as plain values: every key of the YAML that this build knows, with its
// unit, its default and the reason for it. The loader (loader.hpp) fills it and has checked it:
// whoever holds a Config may rely on the ranges written here.
#pragma once

#include <array>
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace ifmatch::config {

using Milliseconds = std::chrono::milliseconds;

inline constexpr std::size_t kib = 1024;
inline constexpr std::size_t mib = 1024 * kib;

struct ListenerTimeouts {
  Milliseconds header{10'000};  // a whole header section must arrive; then 408. Stops slow headers.
  Milliseconds body{30'000};    // between two pieces of a request body; then 408.
  Milliseconds idle{75'000};    // a kept-alive connection without a request; nginx's default.
  Milliseconds write{30'000};   // a client that takes nothing of its answer for so long is dropped.
  Milliseconds handshake{10'000};  // TLS must be agreed on within it; stops slow handshakes.
  Milliseconds tunnel{3'600'000};  // a WebSocket in which neither side says anything for so long is
                                   // closed: long, since most of them are silent most of the time.
};

struct ListenerLimits {
  std::size_t header_bytes =
      32 * kib;  // octets of a header section (and of a trailer section); then 431.
  std::size_t header_fields = 128;      // field lines in it; then 431.
  std::size_t target_bytes = 8 * kib;   // octets of the request target; then 414.
};

// `required`: a load balancer before us says in a PROXY header (version 1 or 2) who its client is.
// Without one, and from a peer outside of trusted_proxies, the connection is closed: a listener
// that took either would let everybody choose an address.
enum class ProxyProtocol { none, required };

// PEM files. The certificate comes first, what leads from it to the root follows it.
struct CertificateFiles {
  std::string certificate;
  std::string key;       // without a passphrase: nobody is there to type it
  std::string key_path;  // where the two stand: "listeners.public.tls.certificates[0]"

  friend bool operator==(const CertificateFiles&, const CertificateFiles&) = default;
};

enum class ClientAuth { required, optional };
enum class TlsVersion { v1_2, v1_3 };  // older ones are broken, and no client needs them

struct ListenerTls {
  std::vector<CertificateFiles> certificates;  // chosen by the names in them; the first is the
                                               // default, there is always one
  std::optional<std::string> client_ca;  // who signs certificates of clients; unset: none is asked
  ClientAuth client_auth = ClientAuth::required;  // with client_ca; a wrong one is always refused
  TlsVersion min_version = TlsVersion::v1_2;
};

struct Listener {
  std::string name;                      // "default" where none is given
  std::string address = "127.0.0.1:8080";  // HOST:PORT with a numeric host (port 0 picks
                                           // a free one), "unix:/path", or "fd:NAME" (systemd)
  ProxyProtocol proxy_protocol = ProxyProtocol::none;
  std::size_t max_connections = 10'000;  // over all threads; further ones wait in the accept queue
  ListenerTimeouts timeouts;
  ListenerLimits limits;
  std::optional<ListenerTls> tls;  // unset: plain HTTP
};

// /metrics, /livez, /readyz and /api/v1/, on a thread of its own. It is on where nobody says
// anything, as an operator expects of a proxy: the first question in trouble must not need a
// restart. Whoever asked for an address gets it or no start at all; but that nobody's default is
// taken already, by a second instance on this machine, is logged as an error and keeps no traffic
// from being served.
struct Admin {
  enum class Chosen { by_default, by_operator };

  std::string address = "127.0.0.1:9901";  // HOST:PORT, numeric; port 0 picks a free one; "none"
  Chosen chosen = Chosen::by_default;
  // What "Authorization: Bearer" must carry; required when the address is not loopback.
  std::optional<std::string> token_file;
  std::optional<std::string> token;  // octets of it, one trailing line feed removed

  friend bool operator==(const Admin&, const Admin&) = default;
};

struct UpstreamTimeouts {
  Milliseconds connect{2'000};
  Milliseconds response{
      30'000};  // a write's whole answer, total; a read's header, and each later silence
  Milliseconds idle{60'000};      // an unused pooled connection is closed after it

  friend bool operator==(const UpstreamTimeouts&, const UpstreamTimeouts&) = default;
};

struct StatusRange {
  int first = 0;  // inclusive
  int last = 0;   // inclusive

  friend bool operator==(const StatusRange&, const StatusRange&) = default;
};

enum class Scheme { http, https };

// One place at which an upstream answers.
struct Endpoint {
  std::string url;          // as written, after substitution
  Scheme scheme = Scheme::http;
  std::string host;         // lower case, an IPv6 address without brackets; "" for a unix socket
  std::uint16_t port = 80;  // not of a unix socket; 443 where an https url names none
  std::string socket;       // the path of a unix socket; "" for a host

  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

enum class Balance {
  round_robin,        // in turn
  least_connections,  // where the fewest requests are under way, over all threads; ties in turn
};

// A GET at each place again and again, on a connection of its own. A place that fails is avoided as
// long as another does not.
struct HealthCheck {
  std::string path;               // as it is sent: the base path does not come before it
  Milliseconds interval{5'000};   // from the end of one check to the next
  Milliseconds timeout{2'000};    // for all of one check, the connection included
  std::size_t unhealthy_after = 3;  // checks that fail in a row: one may be lost by chance
  std::size_t healthy_after = 2;    // that pass in a row: who restarts again and again passes one
  std::vector<StatusRange> status = {{200, 399}};  // of answers that pass

  friend bool operator==(const HealthCheck&, const HealthCheck&) = default;
};

struct UpstreamTls {
  bool verify = true;              // false: whoever sits between can read and change everything
  std::optional<std::string> ca;   // PEM file of those who are trusted; unset: those of the system
  std::optional<std::string> server_name;     // asked for, and verified; unset: the host of the URL
  std::optional<CertificateFiles> certificate;  // shown to an upstream that asks who we are

  friend bool operator==(const UpstreamTls&, const UpstreamTls&) = default;
};

struct Upstream {
  std::string name;
  std::vector<Endpoint> urls;  // at least one, no two the same; all of them serve one state
  Balance balance = Balance::round_robin;  // as nginx; better where answers take equally long
  std::string base_path;       // of every url, without a trailing slash; "" where there is none
  std::size_t max_connections = 256;  // over all urls and all threads
  std::size_t max_waiting = 1024;  // requests that wait for one of them, at most timeouts.connect
  UpstreamTimeouts timeouts;
  std::optional<HealthCheck> health_check;  // unset: only attempts to connect tell how a place is
  UpstreamTls tls;             // of https urls

  // Whether any of its urls is an https one.
  [[nodiscard]] bool has_tls() const {
    return std::any_of(urls.begin(), urls.end(),
                       [](const Endpoint& one) { return one.scheme == Scheme::https; });
  }

  // Whether a reload may keep the connections to it.
  friend bool operator==(const Upstream&, const Upstream&) = default;
};

enum class Mode { enforce, observe, bypass };
enum class Check { confirm, recorded };
enum class OnMissing { s412, s428, s409, s403, allow };
enum class OnStale { s412, s409 };
enum class Wildcard { allow, refuse };
enum class Reads { pass, wait };
enum class WriteTag { when_lawful, never };
enum class ExposeEtag { automatic, always, never };
enum class VersionSourceKind { body };

struct GateLimits {
  Milliseconds wait{5'000};  // over all gates of a request together
  std::size_t queue = 64;    // waiters per gate, exclusive and shared ones apart

  friend bool operator==(const GateLimits&, const GateLimits&) = default;
};

// Of mode observe alone.
struct ObserveSettings {
  // Whose value names a client in the counts: an application says who it is, an address does not. A
  // request without it goes by its User-Agent.
  std::string client_field = "User-Agent";

  friend bool operator==(const ObserveSettings&, const ObserveSettings&) = default;
};

// Everything that a route inherits from `defaults`.
struct RouteSettings {
  Mode mode = Mode::enforce;
  Check check = Check::confirm;
  std::vector<std::string> guard = {"PUT", "PATCH", "DELETE"};
  std::vector<std::string> serialize;
  OnMissing on_missing = OnMissing::s412;
  OnStale on_stale = OnStale::s412;
  Wildcard wildcard = Wildcard::allow;
  VersionSourceKind version = VersionSourceKind::body;
  std::vector<std::string> vary;  // lower-case field names
  std::size_t max_body = 8 * mib;
  GateLimits gate;
  std::optional<Milliseconds> in_doubt;  // default: the upstream's response time-out
  std::vector<StatusRange> doubtful = {{502, 502}, {503, 503}, {504, 504}, {520, 599}};
  std::vector<std::pair<std::string, std::string>> probe_headers;
  Reads reads = Reads::pass;
  WriteTag write_tag = WriteTag::when_lawful;
  bool accept_rewritten_tags = false;
  ExposeEtag expose_etag = ExposeEtag::automatic;
  ObserveSettings observe;

  // Whether a reload leaves everything in force that was decided under it.
  friend bool operator==(const RouteSettings&, const RouteSettings&) = default;
};

struct Route {
  std::string name;
  std::string path;         // the pattern: "/v1/orders/{id}", "/docs/**"
  std::string host = "*";   // an exact host in lower case, "*.example.org", or "*"
  std::size_t upstream = 0; // index into Config::upstreams
  std::vector<std::string> resources;  // templates; "/..." is a path, anything else a name
  std::vector<std::string> upgrade;    // protocols that clients may switch to: "websocket" or none.
                                       // Never on an enforced route: what flows then nobody guards.
  RouteSettings settings;
};

// A block of addresses. IPv4 is kept as the IPv6 address that it is mapped to.
struct Network {
  std::array<std::uint8_t, 16> octets{};
  unsigned prefix = 128;  // bits; of IPv4 counted from the mapped address: /8 is 104
};

// Peers that are believed about the way a request took before them: X-Forwarded-For, -Proto, -Host
// and -Port, Forwarded, and PROXY headers. None by default, since whoever is listed may choose who
// the client is; private_ranges only where nothing but proxies can connect from such addresses.
struct TrustedProxies {
  std::vector<std::string> written;  // items as they stand in the file, for `config show`
  std::vector<Network> networks;     // what they stand for
};

// Over all listeners, upstreams and threads.
struct Limits {
  // Content that is held at once: of guarded writes, and of answers to be tagged. A quarter of a
  // small machine. Beyond it writes get 503, and reads no tag.
  std::size_t buffered_bodies = 1024 * mib;
};

struct Store {
  std::size_t max_resources = 1'000'000;  // records beyond it are forgotten, oldest first
};

enum class LogLevel { trace, debug, info, warning, error, off };
enum class LogFormat { text, json };

struct Log {
  LogLevel level = LogLevel::info;
  LogFormat format = LogFormat::text;
};

inline constexpr const char* access_log_off = "off";
inline constexpr const char* access_log_stdout = "stdout";

// One line for each request. Off unless asked for: a line names a client, which is nobody's to keep
// without a reason, and costs what the request itself did not ask for.
struct AccessLog {
  std::string path = access_log_off;   // "off", "stdout", or a file, appended to and made if absent
  LogFormat format = LogFormat::json;  // for machines; text begins like nginx's and Apache's

  friend bool operator==(const AccessLog&, const AccessLog&) = default;
};

// `automatic`: a valid traceparent goes on to the upstream unchanged; where there is none, one is
// made, marked as sampled, so that the API's log and ours can be joined. `pass` makes none: for
// tracing that samples by its own rule and would take ours for an order. `off`: fields like others.
enum class Trace { automatic, pass, off };

struct Shutdown {
  // Still served after TERM, but not ready: so long balancers need to notice. 0: nobody balances.
  Milliseconds pre_stop_delay{0};
  Milliseconds drain_timeout{
      35'000};  // longer than connect + response, so that every write is accounted for
};

struct Config {
  std::vector<Listener> listeners;
  Admin admin;
  TrustedProxies trusted_proxies;
  std::vector<Upstream> upstreams;
  std::vector<Route> routes;  // first match wins
  Limits limits;
  Store store;
  Log log;
  AccessLog access_log;
  Trace trace = Trace::automatic;
  Shutdown shutdown;
  std::optional<std::string>
      etag_secret;  // octets of etag_secret_file, one trailing line feed removed
  std::optional<std::string> etag_secret_file;  // shown in place of the secret
  std::optional<std::string> state_dir;    // unset: the default places are tried; "none": no mark
  std::size_t threads = 0;                 // 0: one per core
};

}  // namespace ifmatch::config
