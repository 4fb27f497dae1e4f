// Requests as raw octets with what they mean: the answers that the client gets, whether its
// connection stays open, and which messages arrive at the API, to the field. The rows are data; the
// bench sends them to the real program and compares.
#pragma once

#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/proxy_process.hpp"
#include "tests/support/raw_client.hpp"
#include "tests/support/scripted_upstream.hpp"

namespace ifmatch::conformance {

// A message that arrives at the API.
struct Arrival {
  std::string method;
  std::string target;
  std::string content = {};
  support::Fields with = {};              // these lines, each name with all its lines in order
  std::vector<std::string> without = {};  // and no line of these names
};

// An answer that the client gets.
struct Answer {
  int status = 200;
  std::string problem = {};       // the end of its type, where the answer is the proxy's own
  std::vector<int> interim = {};  // 1xx before it
  enum class To { other, head } to = To::other;
};

enum class After { open, closed };
// What the client does behind the octets.
enum class Then { waits, ends_its_side };

struct RequestRow {
  std::string name;
  std::string octets;
  std::vector<Answer> answers;
  After after = After::open;
  std::vector<Arrival> arrivals;
  std::string remark = {};  // where our rule is stricter than the standard, or the standard is lax
  Then then = Then::waits;
};

// The rows of one section of a standard.
struct RequestSection {
  std::string name;  // "2_2_message_parsing"
  std::vector<RequestRow> rows;

  // A GET of /doc/a that means nothing but itself.
  void served(std::string row, std::string octets, std::string remark = {});
  // Refused by the proxy itself; nothing arrives and the connection is closed.
  void refused(std::string row, std::string octets, int status = 400,
               std::string problem = "bad-request", std::string remark = {});
  // One message arrives and is answered with 200.
  void forwarded(std::string row, std::string octets, Arrival arrival, std::string remark = {});
};

void PrintTo(const RequestSection& section, std::ostream* out);

[[nodiscard]] std::vector<RequestSection> syntax_sections();     // RFC 9112 sections 2 to 5
[[nodiscard]] std::vector<RequestSection> framing_sections();    // RFC 9112 sections 6 to 11
[[nodiscard]] std::vector<RequestSection> semantics_sections();  // RFC 9110

// "/doc/**" is guarded, everything else is a bypass route to the same API.
class RequestBench {
 public:
  RequestBench();

  // Reports everything that is wrong with the row as failures of the running test.
  void run(const RequestRow& row);

 private:
  void converse(const RequestRow& row);
  void check_answer(const Answer& expected, const support::Response& answer, After after_it) const;
  void check_arrival(const Arrival& expected, const support::Request& arrived) const;
  void check_hygiene(const support::Request& arrived) const;

  support::ScriptedUpstream upstream_;
  support::ProxyProcess proxy_;
};

// A request for /doc/a with the given lines, each of which ends itself.
[[nodiscard]] std::string get(std::string_view lines = {});
// POST is held back whole and forwarded with a length; /pass/a is streamed.
[[nodiscard]] std::string post(std::string_view lines, std::string_view content = {});
[[nodiscard]] std::string pass(std::string_view lines, std::string_view content = {});
// A guarded PUT that holds on whatever exists.
[[nodiscard]] std::string put(std::string_view lines, std::string_view content = {});
// With any request line, without its end.
[[nodiscard]] std::string request(std::string_view request_line, std::string_view lines = {},
                                  std::string_view content = {});

// Octets as they may stand in a message for people.
[[nodiscard]] std::string visible(std::string_view octets);

// Must never be seen as a request of its own.
inline constexpr std::string_view smuggled = "GET /smuggled HTTP/1.1\r\nHost: api.test\r\n\r\n";

}  // namespace ifmatch::conformance
