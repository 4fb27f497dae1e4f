#include "tests/failure/scenarios.hpp"

namespace ifmatch::failure {
namespace {

using shim::StrictMessage;
using std::chrono::milliseconds;
using world::Ask;
using world::Framing;
using world::Manner;
using world::When;

constexpr const char* if_current = "If-Match: {current}\r\n";
constexpr const char* if_seen = "If-Match: {seen}\r\n";
constexpr const char* if_absent = "If-None-Match: *\r\n";
constexpr const char* plain = "Content-Type: text/plain\r\n";
constexpr const char* shows = "Prefer: return=representation\r\n";

Ask get(std::string target, std::string fields = {}) {
  return {.method = "GET", .target = std::move(target), .fields = std::move(fields), .content = {}};
}

Ask put(std::string target, std::string fields, std::string content = "newer") {
  return {.method = "PUT",
          .target = std::move(target),
          .fields = std::move(fields) + plain,
          .content = std::move(content)};
}

Ask other(std::string method, std::string target, std::string fields, std::string content = {}) {
  return {.method = std::move(method),
          .target = std::move(target),
          .fields = std::move(fields),
          .content = std::move(content)};
}

Ask chunked(Ask ask) {
  ask.chunked = true;
  return ask;
}

Ask waiting(Ask ask) {
  ask.waits_for_continue = true;
  return ask;
}

Ask at_once(Ask ask) {
  ask.when = When::at_once;
  return ask;
}

Ask later(Ask ask) {
  ask.at = milliseconds(100);
  return ask;
}

// After so much silence that connections have given the memory of their input back.
Ask after_a_silence(Ask ask) {
  ask.at = milliseconds(2'000);
  return ask;
}

std::function<Manner(const StrictMessage&)> always(Manner manner) {
  return [manner](const StrictMessage&) { return manner; };
}

// Writes take their time, so that somebody else comes in between.
Manner slow_writes(const StrictMessage& request) {
  Manner manner;
  if (world::is_unsafe(request.method())) manner.after = milliseconds(300);
  return manner;
}

Manner overloaded_for_writes(const StrictMessage& request) {
  Manner manner;
  if (world::is_unsafe(request.method())) manner.status = 503;
  return manner;
}

Scenario alone(std::string name, std::vector<Ask> script, std::vector<int> expected) {
  return {.name = std::move(name),
          .parties = {{"a", std::move(script), std::move(expected)}},
          .manner = {},
          .warmed_by = {}};
}

Scenario warmed(Scenario scenario, std::string by) {
  scenario.name += "AfterARead";
  scenario.warmed_by = std::move(by);
  return scenario;
}

Scenario in_the_manner(Scenario scenario, std::function<Manner(const StrictMessage&)> manner) {
  scenario.manner = std::move(manner);
  return scenario;
}

Scenario clients_under_tls(Scenario scenario) {
  scenario.name += "ClientsUnderTls";
  scenario.under_tls = Scenario::UnderTls::clients;
  return scenario;
}

Scenario upstream_under_tls(Scenario scenario) {
  scenario.name += "UpstreamUnderTls";
  scenario.under_tls = Scenario::UnderTls::upstream;
  return scenario;
}

Scenario two(std::string name, Party first, Party second) {
  return {.name = std::move(name),
          .parties = {std::move(first), std::move(second)},
          .manner = slow_writes,
          .upstream_connections = 2,
          .warmed_by = {}};
}

const std::string c1 = "/confirm/1";
const std::string r1 = "/recorded/1";
const std::string w1 = "/watched/1";

Scenario replacing() {
  return alone("PutConfirmed", {put(c1, if_current), put(c1, if_current)}, {200, 412});
}

Scenario replacing_recorded() {
  return alone("PutRecorded", {get(r1), put(r1, if_seen), put(r1, if_current)}, {200, 200, 412});
}

std::vector<Ask> observed() {
  return {get(w1),
          put(w1, if_seen),
          chunked(put(w1, {}, "pieces")),
          waiting(put(w1, {})),
          get(w1, "If-None-Match: {seen}\r\n"),
          get("/watched/large")};
}

// What a connection does otherwise when it is under TLS: handshake, reads and writes of records, and
// all that has to wait between them.
void add_those_under_tls(std::vector<Scenario>& all) {
  const Scenario bypass = alone("Bypass",
                                {get("/free/1"), chunked(put("/free/1", {}, "pieces")),
                                 waiting(put("/free/1", {})), get("/free/large")},
                                {200, 200, 200, 200});
  const Scenario silent = alone("AfterASilence",
                                {get(c1), after_a_silence(get(c1)), put(c1, if_current)},
                                {200, 200, 200});
  const Scenario interim = in_the_manner(
      alone("InterimAnswers", {get(c1), put(c1, if_seen), put("/free/1", {})}, {200, 200, 200}),
      always({.interim = true}));
  Scenario narrow =
      alone("NarrowStreams", {get(c1), put(c1, if_seen, std::string(300, 'n'))}, {200, 200});
  narrow.room = 250;
  for (const Scenario& each : {replacing(), bypass, silent, interim, narrow}) {
    all.push_back(clients_under_tls(each));
    all.push_back(upstream_under_tls(each));
  }
  all.push_back(clients_under_tls(alone("PutAfterContinue", {waiting(put(c1, if_current))}, {200})));
  all.push_back(clients_under_tls(two("TwoWritersTakeTurns",
                                      {"a", {put(c1, "If-Match: *\r\n", "of a")}, {200}},
                                      {"b", {later(put(c1, "If-Match: *\r\n", "of b"))}, {200}})));
  all.push_back(upstream_under_tls(in_the_manner(
      alone("AnswersThatClose", {get(c1), put(c1, if_seen), put(c1, if_current)}, {200, 200, 412}),
      always({.closing = true}))));
  all.push_back(upstream_under_tls(in_the_manner(
      alone("AnswersInParts", {get(c1), put(c1, if_seen), put("/free/1", {})}, {200, 200, 200}),
      always({.in_parts = true}))));
}

std::vector<Scenario> make_scenarios() {
  std::vector<Scenario> all;
  all.push_back(alone("GuardedGet",
                      {get(c1), get(c1, "If-None-Match: {seen}\r\n"), other("HEAD", c1, {})},
                      {200, 304, 200}));
  all.push_back(warmed(alone("GuardedGet", {get(c1), get("/confirm/none")}, {200, 404}), c1));
  all.push_back(replacing());
  all.push_back(warmed(replacing(), c1));
  all.push_back(replacing_recorded());
  all.push_back(warmed(alone("PutRecorded", {put(r1, if_current)}, {200}), r1));
  all.push_back(alone("PutStaleAndShown",
                      {put(c1, std::string("If-Match: \"other\"\r\n") + shows)}, {412}));
  all.push_back(alone("PutWithoutPrecondition", {put(c1, {}), put(c1, if_current)}, {412, 200}));
  all.push_back(alone("Create", {put("/confirm/new", if_absent), put("/confirm/new", if_absent)},
                      {201, 412}));
  all.push_back(alone("Delete",
                      {other("DELETE", c1, if_current), other("DELETE", c1, if_current)},
                      {204, 404}));
  all.push_back(alone("Patch", {other("PATCH", c1, if_current, "more"), get(c1)}, {200, 200}));
  all.push_back(alone("Post",
                      {other("POST", "/items", {}, "item"), other("POST", "/items", {}, "next")},
                      {201, 201}));
  all.push_back(alone("PutInChunks", {chunked(put(c1, if_current, "in pieces"))}, {200}));
  all.push_back(alone("PutAfterContinue", {waiting(put(c1, if_current)), get(c1)}, {200, 200}));
  all.push_back(alone("PutWithLawfulTag", {put(c1, std::string(if_current) + shows)}, {200}));
  all.push_back(alone("Pipelined",
                      {get(c1), at_once(put(c1, if_current)), at_once(get(c1)),
                       at_once(put(c1, if_current))},
                      {200, 200, 200, 412}));
  all.push_back(alone("Bypass",
                      {get("/free/1"), put("/free/1", {}), chunked(put("/free/1", {}, "pieces")),
                       waiting(put("/free/1", {})), get("/free/1")},
                      {200, 200, 200, 200, 200}));
  all.push_back(alone("Observed", observed(), {200, 200, 200, 200, 200, 200}));
  all.push_back(in_the_manner(alone("ObservedInChunks", observed(), {200, 200, 200, 200, 200, 200}),
                              always({.framing = Framing::chunked})));
  all.push_back(in_the_manner(alone("ObservedInParts", observed(), {200, 200, 200, 200, 200, 200}),
                              always({.in_parts = true})));
  all.push_back(in_the_manner(alone("ObservedInDoubt", {put(w1, {}), get(w1), put(w1, {})},
                                    {503, 200, 503}),
                              overloaded_for_writes));
  all.push_back(alone("AfterASilence",
                      {get(c1), after_a_silence(get(c1)), put(c1, if_current)}, {200, 200, 200}));
  all.push_back(in_the_manner(
      alone("AnswersAfterASilence", {get(c1), put(c1, if_seen), get("/free/1")}, {200, 200, 200}),
      always({.after = milliseconds(1'500)})));
  all.push_back(in_the_manner(
      alone("AnswersInChunks", {get(c1), put(c1, if_seen), get("/free/1"), put("/free/1", {})},
            {200, 200, 200, 200}),
      always({.framing = Framing::chunked})));
  all.push_back(in_the_manner(
      alone("AnswersUntilClose", {get(c1), put(c1, if_seen), get("/free/1")}, {200, 200, 200}),
      always({.framing = Framing::until_close})));
  all.push_back(in_the_manner(
      alone("AnswersInParts",
            {get(c1), put(c1, if_seen), get("/free/1"), get("/small/large"), put("/free/1", {})},
            {200, 200, 200, 200, 200}),
      always({.in_parts = true})));
  all.push_back(in_the_manner(
      alone("AnswersThatClose", {get(c1), put(c1, if_seen), put(c1, if_current)}, {200, 200, 412}),
      always({.closing = true})));
  all.push_back(in_the_manner(
      alone("InterimAnswers", {get(c1), put(c1, if_seen), put("/free/1", {})}, {200, 200, 200}),
      always({.interim = true})));
  all.push_back(in_the_manner(alone("DoubtfulAnswer", {put(c1, if_current), get(c1)}, {503, 200}),
                              overloaded_for_writes));
  all.push_back(alone("AnswersAboveMaxBody",
                      {get("/small/large"), put("/small/large", if_current, "short"),
                       get("/small/large")},
                      {200, 200, 200}));
  // More than an input buffer holds: the rest is read to where it is held, or sent on from.
  all.push_back(alone("LargeAnswers",
                      {get("/confirm/large"), get("/free/large"), put("/confirm/large", if_seen)},
                      {200, 200, 200}));
  Scenario narrow = alone("NarrowStreams",
                          {get(c1), put(c1, if_seen, std::string(300, 'n')),
                           put("/free/1", {}, std::string(300, 'f')), get("/free/1")},
                          {200, 200, 200, 200});
  narrow.room = 100;
  all.push_back(std::move(narrow));
  all.push_back(two("TwoWritersOneWins", {"a", {put(c1, if_current, "of a")}, {200}},
                    {"b", {later(put(c1, if_current, "of b"))}, {412}}));
  all.push_back(two("TwoWritersTakeTurns", {"a", {put(c1, "If-Match: *\r\n", "of a")}, {200}},
                    {"b", {later(put(c1, "If-Match: *\r\n", "of b")), get(c1)}, {200, 200}}));
  all.push_back(two("PostsWaitForAReplacement",
                    {"a", {put("/items/1", if_current), put("/items", if_absent)}, {200, 201}},
                    {"b", {later(other("POST", "/items", {}, "item"))}, {201}}));
  all.push_back(two("ReadWaitsForAWrite", {"a", {put("/wait/1", if_current)}, {200}},
                    {"b", {later(get("/wait/1")), put("/wait/1", if_seen)}, {200, 200}}));
  add_those_under_tls(all);
  return all;
}

}  // namespace

const std::vector<Scenario>& scenarios() {
  static const std::vector<Scenario> all = make_scenarios();
  return all;
}

const std::vector<std::pair<std::string, world::Document>>& documents() {
  static const std::vector<std::pair<std::string, world::Document>> all{
      {c1, {"text/plain", "one"}},         {r1, {"text/plain", "one"}},
      {"/wait/1", {"text/plain", "one"}},  {"/items/1", {"text/plain", "one"}},
      {"/free/1", {"text/plain", "free"}}, {"/small/large", {"text/plain", std::string(3000, 'l')}},
      {"/confirm/large", {"text/plain", std::string(20'000, 'c')}},
      {"/free/large", {"text/plain", std::string(20'000, 'f')}},
      {w1, {"text/plain", "one"}},         {"/watched/large", {"text/plain", std::string(20'000, 'w')}}};
  return all;
}

}  // namespace ifmatch::failure
