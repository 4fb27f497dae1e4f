// Answers of the API as raw octets with what they mean: what the client gets, whether a tag was
// handed out, whether the upstream connection is used again, whether the version was recorded, and
// of answers to writes whether they settle the write or leave it in doubt.
#pragma once

#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/proxy_process.hpp"
#include "tests/support/raw_client.hpp"
#include "tests/support/scripted_upstream.hpp"

namespace ifmatch::conformance {

// What the client asked for. /doc is guarded, /pass is a bypass route.
enum class Asked { get, head, post, put, bypass_get, bypass_head, bypass_put };

enum class Ends { stays_open, closes };  // the API, behind its octets
enum class Delivery { whole, cut };      // cut: the client's connection breaks before the end
enum class Tag { none, handed_out };
enum class Connection { used_again, dropped };
// What the proxy knows afterwards. A version is recorded by reads, an outcome by writes.
enum class Knows { nothing, version, settled, in_doubt };

struct ResponseRow {
  std::string name;
  Asked asked = Asked::get;
  std::string octets;
  Ends ends = Ends::stays_open;
  int status = 200;
  std::string problem = {};  // the end of its type, where the proxy answers itself
  std::string content = {};  // where the API's own answer is relayed
  std::vector<int> interim = {};  // 1xx before it
  Delivery delivery = Delivery::whole;
  Tag tag = Tag::none;
  Connection connection = Connection::used_again;
  Knows knows = Knows::nothing;
  support::Fields with = {};
  std::vector<std::string> without = {};
  std::string remark = {};
};

struct ResponseSection {
  std::string name;
  std::vector<ResponseRow> rows;

  // A 200 that can be trusted: to a guarded read, whose version is recorded, to a read of a bypass
  // route, and to writes, which it settles.
  void served(std::string row, std::string octets, std::string content,
              Connection connection = Connection::used_again, Ends ends = Ends::stays_open,
              std::string remark = {});
  // Another status, relayed to all of them, without a tag. It settles a write unless it is one of
  // those that leave its outcome open.
  void relayed(std::string row, std::string octets, int status, std::string content,
               Connection connection = Connection::used_again, Ends ends = Ends::stays_open,
               std::string remark = {});
  // An answer that cannot be trusted: reads get 502, writes are in doubt.
  void malformed(std::string row, std::string octets, Ends ends = Ends::stays_open,
                 std::string remark = {});
  // The same, but it shows only in the content: a bypass route has relayed its head by then.
  void malformed_content(std::string row, std::string octets, Ends ends = Ends::stays_open);
  // The rest does not come in time.
  void unfinished(std::string row, std::string octets, Delivery of_bypass);
  // The rows of the latest of these get so many 1xx before their answer.
  void interim(std::vector<int> statuses);
};

void PrintTo(const ResponseSection& section, std::ostream* out);

[[nodiscard]] std::vector<ResponseSection> response_sections();

class ResponseBench {
 public:
  ResponseBench();

  // Reports everything that is wrong with the row as failures of the running test.
  void run(const ResponseRow& row);

 private:
  void converse(const ResponseRow& row);
  void check_answer(const ResponseRow& row, const support::Response& answer) const;
  void check_knowledge(const ResponseRow& row, const std::string& path);

  support::ScriptedUpstream upstream_;
  support::ProxyProcess proxy_;
  int rows_ = 0;
};

}  // namespace ifmatch::conformance
