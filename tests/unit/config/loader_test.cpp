// Files: what is read from them, every finding at its exact place, and all findings in one run.
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>

#include "config/keys.hpp"
#include "tests/unit/config/support.hpp"

namespace ifmatch::config {
namespace {

using Findings = std::vector<std::string>;

TEST(Templates, WithAHostThatIsAlsoAPartOfThePathAreRefused) {
  const LoadResult result = load_text(
      "version: 1\nupstreams:\n  api: { url: \"http://127.0.0.1:3000\" }\nroutes:\n"
      "  - { name: a, match: { path: \"/{host}\" }, upstream: api, resource: \"h:{host}\" }\n");
  EXPECT_FALSE(result.config);
  EXPECT_EQ(result.diagnostics.at(0).code, "E212");
}

TEST(Loader, GivesEveryDefault) {
  const LoadResult result = load_text(with_route(""));
  ASSERT_TRUE(result.config) << told(result);
  EXPECT_TRUE(result.diagnostics.empty()) << told(result);
  const Config& config = *result.config;
  ASSERT_EQ(config.listeners.size(), 1U);
  EXPECT_EQ(config.listeners[0].name, "default");
  EXPECT_EQ(config.listeners[0].address, "127.0.0.1:8080");
  ASSERT_EQ(config.upstreams.size(), 1U);
  EXPECT_EQ(config.upstreams[0].urls.at(0).host, "127.0.0.1");
  EXPECT_EQ(config.upstreams[0].urls.at(0).port, 3000);
  ASSERT_EQ(config.routes.size(), 1U);
  const RouteSettings& settings = config.routes[0].settings;
  EXPECT_EQ(settings.mode, Mode::enforce);
  EXPECT_EQ(settings.guard, (std::vector<std::string>{"PUT", "PATCH", "DELETE"}));
  EXPECT_EQ(settings.doubtful.size(), 4U);
  EXPECT_FALSE(settings.in_doubt);
  EXPECT_FALSE(config.state_dir);
  EXPECT_EQ(config.routes[0].host, "*");
}

TEST(Loader, ReadsEveryKey) {
  const LoadResult result = load_text(
      "version: 1\n"
      "listeners:\n"
      "  - name: public\n"
      "    address: \"[::]:8080\"\n"
      "    max_connections: 7\n"
      "    timeouts: { header: 1s, body: 2s, idle: 3s, write: 4s }\n"
      "    limits: { header_bytes: 16KiB, header_fields: 9, target_bytes: 1KiB }\n"
      "    proxy_protocol: none\n"
      "    tls: null\n"
      "upstreams:\n"
      "  api:\n"
      "    url: http://api:81/base\n"
      "    timeouts: { connect: 5ms, response: 6s, idle: 0s }\n"
      "    max_connections: 8\n"
      "store: { type: memory, max_resources: 10 }\n"
      "defaults: { on_missing: allow, guard: [PUT], gate: { wait: 0s } }\n"
      "routes:\n"
      "  - name: order\n"
      "    match: { path: \"/v1/{id}\", host: \"*.Example.org\" }\n"
      "    upstream: api\n"
      "    resource: [\"/v1/{id}\", \"order:{id}\"]\n"
      "    check: recorded\n"
      "    serialize: [POST]\n"
      "    on_stale: 409\n"
      "    wildcard: refuse\n"
      "    version: { source: body }\n"
      "    vary: [X-Tenant]\n"
      "    max_body: 1GiB\n"
      "    gate: { queue: 3 }\n"
      "    in_doubt: 11s\n"
      "    doubtful: [502, \"520-530\"]\n"
      "    probe: { headers: { X-Key: a } }\n"
      "    reads: wait\n"
      "    write_tag: never\n"
      "    accept_rewritten_tags: true\n"
      "    cors: { expose_etag: always }\n"
      "etag_secret_file: null\n"
      "log: { level: warning, format: json }\n"
      "shutdown: { drain_timeout: 7s, pre_stop_delay: 4s }\n"
      "state_dir: /var/lib/x\n"
      "threads: 3\n"
      "trusted_proxies: []\n"
      "plugins: []\n"
      "access_log: off\n"
      "x-notes: { anything: [1, \"${NOT_LOOKED_AT}\"] }\n");
  ASSERT_TRUE(result.config) << told(result);
  EXPECT_TRUE(result.diagnostics.empty()) << told(result);
  const Config& config = *result.config;
  const Listener& listener = config.listeners.at(0);
  EXPECT_EQ(listener.name, "public");
  EXPECT_EQ(listener.address, "[::]:8080");
  EXPECT_EQ(listener.max_connections, 7U);
  EXPECT_EQ(listener.timeouts.header, Milliseconds(1000));
  EXPECT_EQ(listener.timeouts.body, Milliseconds(2000));
  EXPECT_EQ(listener.timeouts.idle, Milliseconds(3000));
  EXPECT_EQ(listener.timeouts.write, Milliseconds(4000));
  EXPECT_EQ(listener.limits.header_bytes, 16 * kib);
  EXPECT_EQ(listener.limits.header_fields, 9U);
  EXPECT_EQ(listener.limits.target_bytes, 1 * kib);
  EXPECT_EQ(config.upstreams[0].max_connections, 8U);
  EXPECT_EQ(config.upstreams[0].timeouts.response, Milliseconds(6000));
  EXPECT_EQ(config.store.max_resources, 10U);
  EXPECT_EQ(config.shutdown.drain_timeout, Milliseconds(7000));
  EXPECT_EQ(config.shutdown.pre_stop_delay, Milliseconds(4000));
  EXPECT_EQ(config.log.format, LogFormat::json);
  EXPECT_EQ(config.upstreams[0].base_path, "/base");
  EXPECT_EQ(config.upstreams[0].timeouts.connect, Milliseconds(5));
  EXPECT_EQ(config.upstreams[0].timeouts.idle, Milliseconds(0));
  const Route& route = config.routes[0];
  EXPECT_EQ(route.host, "*.example.org");
  EXPECT_EQ(route.resources, (std::vector<std::string>{"/v1/{id}", "order:{id}"}));
  EXPECT_EQ(route.settings.on_missing, OnMissing::allow);
  EXPECT_EQ(route.settings.check, Check::recorded);
  EXPECT_EQ(route.settings.serialize, (std::vector<std::string>{"POST"}));
  EXPECT_EQ(route.settings.wildcard, Wildcard::refuse);
  EXPECT_EQ(route.settings.reads, Reads::wait);
  EXPECT_EQ(route.settings.write_tag, WriteTag::never);
  EXPECT_EQ(route.settings.on_stale, OnStale::s409);
  EXPECT_EQ(route.settings.guard, (std::vector<std::string>{"PUT"}));
  EXPECT_EQ(route.settings.gate.wait, Milliseconds(0)) << "inherited beside the route's own queue";
  EXPECT_EQ(route.settings.gate.queue, 3U);
  EXPECT_EQ(route.settings.in_doubt, Milliseconds(11'000));
  EXPECT_EQ(route.settings.vary, (std::vector<std::string>{"x-tenant"}));
  EXPECT_EQ(route.settings.max_body, 1024 * mib);
  EXPECT_EQ(route.settings.doubtful.at(1).last, 530);
  EXPECT_EQ(route.settings.probe_headers.at(0).second, "a");
  EXPECT_TRUE(route.settings.accept_rewritten_tags);
  EXPECT_EQ(route.settings.expose_etag, ExposeEtag::always);
  EXPECT_EQ(config.log.level, LogLevel::warning);
  EXPECT_EQ(config.state_dir, "/var/lib/x");
  EXPECT_EQ(config.threads, 3U);
}

TEST(Loader, ReportsEverythingInOneRunAtItsPlace) {
  const LoadResult result = load_text(
      "version: 1\n"
      "upstreams:\n"
      "  api:\n"
      "    url: http://127.0.0.1:3000\n"
      "    timeouts: { connect: 2, response: 030s }\n"
      "  api:\n"
      "    url: http://b\n"
      "defaults:\n"
      "  on_missing: 429\n"
      "  serialize: [post, GET]\n"
      "  gate: { queue: 0 }\n"
      "routes:\n"
      "  - name: order\n"
      "    match: { path: \"/v1/orders/{id}\" }\n"
      "    upstream: apj\n"
      "    on_mising: 428\n"
      "    resource: \"/v1/{idd}\"\n"
      "  - name: order\n"
      "    match: { path: \"//a\" }\n"
      "    upstream: ${NOPE}\n");
  EXPECT_EQ(findings(result),
            (Findings{"5:26 E203", "5:39 E202", "6:3 E102", "9:15 E205", "10:15 E208", "10:21 E208",
                      "11:18 E204", "15:15 E301", "16:5 E101", "17:15 E212", "18:11 E302",
                      "19:20 E211", "20:15 E220"}))
      << told(result);
  EXPECT_FALSE(result.config);
}

TEST(Loader, SaysWhatWasProbablyMeant) {
  const LoadResult result = load_text(with_route("    on_mising: 428\n"));
  EXPECT_TRUE(told(result).starts_with(
      "t.yaml:9:5: error[E101]: unknown key 'on_mising' in routes.order\n"
      "    9 |     on_mising: 428\n"
      "      |     ^^^^^^^^^\n"
      "  help: did you mean 'on_missing'? allowed here: name, match, upstream, resource, mode, "))
      << told(result);
  EXPECT_EQ(result.diagnostics.at(0).key, "routes.order.on_mising");
}

struct Broken {
  const char* what;
  std::string text;
  Findings expected;
};

void expect_findings(const std::vector<Broken>& cases) {
  for (const Broken& one : cases) {
    const LoadResult result = load_text(one.text);
    EXPECT_EQ(findings(result), one.expected) << one.what << "\n" << told(result);
    EXPECT_FALSE(result.config) << one.what;
  }
}

// Each of these passes yaml-cpp 0.7 without a word.
TEST(Loader, CatchesWhatTheYamlLibraryLetsThrough) {
  expect_findings({
      {"duplicate key", with_route("log: { level: info }\nlog: { level: debug }\n"), {"10:1 E102"}},
      {"duplicate deep key", with_route("    gate: { wait: 1s, wait: 2s }\n"), {"9:23 E102"}},
      {"second document", with_route("---\nlog: {}\n"), {"9:1 E007"}},
      {"empty second document", with_route("---\n"), {"9:1 E007"}},
      {"octal", with_route("    gate: { queue: 010 }\n"), {"9:20 E202"}},
      {"merge key", with_route("    <<: { mode: bypass }\n"), {"9:5 E105"}},
      {"conversion", with_route("    gate: { queue: many }\n"), {"9:20 E202"}},
      {"unclosed quote", with_route("state_dir: \"/var\nlog: {}\n"), {"9:12 E006"}},
  });
  const LoadResult result = load_text(with_route("    gate: { queue: many }\n"));
  EXPECT_EQ(result.diagnostics.at(0).key, "routes.order.gate.queue");
}

TEST(Loader, RefusesTextThatIsNoConfiguration) {
  expect_findings({
      {"empty", "", {"0:0 E004"}},
      {"blank", "  \n\n", {"0:0 E004"}},
      {"only comments", "# nothing\n", {"0:0 E004"}},
      {"null", "null\n", {"0:0 E004"}},
      {"list", "- a\n", {"1:1 E010"}},
      {"scalar", "hello\n", {"1:1 E010"}},
      {"syntax", "version: 1\nlog: { level: info\n", {"2:1 E006"}},
      {"colon in a value", "version: 1\nlog: a: b\n", {"2:7 E006"}},
      {"NUL", std::string("version: 1\nlog: \0\n", 18), {"2:6 E003"}},
      {"Latin-1", "version: 1\nlog: \xE4\n", {"2:6 E003"}},
      {"overlong", "version: 1\nlog: \xC0\xAF\n", {"2:6 E003"}},
      {"escape", "version: 1\nlog: \x1b[0m\n", {"2:6 E003"}},
      {"too large", "version: 1\n#" + std::string(1024 * 1024, 'x'), {"0:0 E002"}},
      {"brackets", "version: 1\nlog: " + std::string(100'000, '['), {"2:38 E008"}},
      {"tab", with_route("log:\n\tlevel: info\n"), {"10:1 E005"}},
      {"tab behind a value", with_route("state_dir: /a\t# why\n"), {"9:14 E005"}},
      {"anchor", with_route("log: &a { level: info }\n"), {"9:6 E009"}},
      {"alias", with_route("x-b: &b 1\nlog: { level: *b }\n"), {"9:6 E009", "10:15 E009"}},
      {"undefined alias", with_route("log: *b\n"), {"9:6 E006"}},
      {"tag", with_route("threads: !!int 3\n"), {"9:10 E009"}},
      {"key that is a map", with_route("{ a: b }: c\n"), {"9:1 E201"}},
      {"no version", with_route("").substr(11), {"0:0 E103"}},
      {"other version", "version: 2\n" + with_route("").substr(11), {"1:10 E106"}},
      {"nothing in it", "version: 1\n", {"0:0 E103", "0:0 E103"}},
  });
}

TEST(Loader, AcceptsAByteOrderMarkAndCarriageReturns) {
  std::string text = "\xEF\xBB\xBF";
  for (const char c : with_route("    mode: bypas\n")) {
    if (c == '\n') text += '\r';
    text += c;
  }
  EXPECT_EQ(findings(load_text(text)), (Findings{"9:11 E205"}));
}

TEST(Loader, RefusesByNameWhatIsNotBuilt) {
  expect_findings({
      {"plugins", with_route("plugins: [{ name: a }]\n"), {"9:1 E110"}},
      {"replicas", with_route("replicas: 1\n"), {"9:1 E110"}},
      {"redis", with_route("store: { type: redis }\n"), {"9:16 E110"}},
      {"store.redis", with_route("store: { redis: null }\n"), {"9:10 E110"}},
      {"json",
       with_route("    version: { source: json, ignore: [/a] }\n"),
       {"9:24 E110", "9:30 E110"}},
      {"field",
       with_route("    version: { source: field, pointer: /v }\n"),
       {"9:24 E110", "9:31 E110"}},
      {"header",
       with_route("    version: { source: header, name: Last-Modified }\n"),
       {"9:24 E110", "9:32 E110"}},
      {"plugin", with_route("    version: { source: plugin }\n"), {"9:24 E110"}},
  });
  EXPECT_EQ(load_text(with_route("replicas: 2\n")).diagnostics.at(0).message,
            "'replicas' is not built in this version");
}

// Where a key of a section stands in a file, with the value of a wrong type in its place.
std::string with_wrong_value(Section section, const KeyRule& rule) {
  const bool holds_more = rule.kind == KeyKind::section || rule.kind == KeyKind::section_list ||
                          rule.kind == KeyKind::map || rule.kind == KeyKind::list;
  std::string value = std::string(rule.name) + (holds_more ? ": 7" : ": { zz: 1 }");
  if (rule.shorthand != Shorthand::none) {
    value = std::string(rule.name) +
            (rule.kind == KeyKind::section ? ": [zz]" : ": { zz: 1 }");
  }
  const auto wrap = [&value](std::string_view before, std::string_view after) {
    value = std::string(before) + value + std::string(after);
  };
  std::string text = with_route("");
  switch (section) {
    case Section::root:
      if (text.find(std::string(rule.name) + ":") != std::string::npos) {
        text = rule.name == "version" ? text.substr(11) : "version: 1\n";
      }
      return text + value + "\n";
    case Section::limits: return text + "limits: { " + value + " }\n";
    case Section::listener_timeouts: wrap("timeouts: { ", " }"); [[fallthrough]];
    case Section::listener_limits:
      if (section == Section::listener_limits) wrap("limits: { ", " }");
      [[fallthrough]];
    case Section::listener: return text + "listeners: [{ " + value + " }]\n";
    case Section::listener_certificate:
      return text + "listeners: [{ tls: { certificates: [{ " + value + " }] } }]\n";
    case Section::listener_tls: return text + "listeners: [{ tls: { " + value + " } }]\n";
    case Section::upstream_tls:
      return "version: 1\nupstreams: { api: { url: \"https://a\", tls: { " + value + " } } }\n" +
             text.substr(text.find("routes"));
    case Section::upstream_timeouts:
    case Section::health_check:
      wrap(section == Section::health_check ? "health_check: { " : "timeouts: { ", " }");
      [[fallthrough]];
    case Section::upstream:
      return "version: 1\nupstreams: { api: { " + value + " } }\n" +
             text.substr(text.find("routes"));
    case Section::admin: return text + "admin: { " + value + " }\n";
    case Section::store: return text + "store: { " + value + " }\n";
    case Section::log: return text + "log: { " + value + " }\n";
    case Section::access_log: return text + "access_log: { " + value + " }\n";
    case Section::shutdown: return text + "shutdown: { " + value + " }\n";
    case Section::defaults: return text + "defaults: { " + value + " }\n";
    case Section::match: wrap("match: { ", " }"); break;
    case Section::version: wrap("version: { ", " }"); break;
    case Section::gate: wrap("gate: { ", " }"); break;
    case Section::probe: wrap("probe: { ", " }"); break;
    case Section::cors: wrap("cors: { ", " }"); break;
    case Section::observe: wrap("observe: { ", " }"); break;
    case Section::route: break;
  }
  return text.substr(0, text.find("routes")) + "routes: [{ " + value + " }]\n";
}

// The table of keys and the reader are written by hand; this finds a key that only one of them has.
TEST(Loader, IgnoresNoKeyOfTheTable) {
  std::size_t seen = 0;
  for (int index = 0; index <= static_cast<int>(Section::shutdown); ++index) {
    const auto section = static_cast<Section>(index);
    for (const KeyRule& rule : keys_of(section)) {
      const std::string text = with_wrong_value(section, rule);
      const LoadResult result = load_text(text);
      bool told_of = false;
      for (const Diagnostic& one : result.diagnostics) {
        const bool about = one.key == rule.name || one.key.ends_with("." + std::string(rule.name));
        const std::string wanted = rule.availability == Availability::later ? "E110" : "E201";
        told_of |= about && (one.code == wanted || (one.key == "version" && one.code == "E106"));
      }
      EXPECT_TRUE(told_of) << rule.name << " in\n" << text << told(result);
      ++seen;
    }
  }
  EXPECT_GT(seen, 80U);
}

TEST(Loader, ChecksTypesAndRanges) {
  expect_findings({
      {"section as scalar", with_route("log: info\n"), {"9:6 E201"}},
      {"list as scalar", with_route("    guard: PUT\n"), {"9:12 E201"}},
      {"scalar as list", with_route("    mode: [bypass]\n"), {"9:11 E201"}},
      {"no value", with_route("    mode:\n"), {"9:5 E201"}},
      {"routes as map",
       "version: 1\nupstreams: { a: { url: \"http://a\" } }\nroutes: { a: 1 }\n",
       {"3:9 E201"}},
      {"upstreams as list", "version: 1\nupstreams: [a]\nroutes: []\n", {"2:12 E201", "3:9 E103"}},
      {"boolean", with_route("    accept_rewritten_tags: yes\n"), {"9:28 E205"}},
      {"max_body", with_route("    max_body: 2GiB\n"), {"9:15 E204"}},
      {"max_body zero", with_route("    max_body: 0B\n"), {"9:15 E204"}},
      {"in_doubt zero", with_route("    in_doubt: 0s\n"), {"9:15 E204"}},
      {"threads", with_route("threads: 1025\n"), {"9:10 E204"}},
      {"max_resources", with_route("store: { max_resources: 0 }\n"), {"9:25 E204"}},
      {"header_bytes",
       with_route("listeners: [{ limits: { header_bytes: 1MiB } }]\n"),
       {"9:39 E204"}},
      {"drain_timeout", with_route("shutdown: { drain_timeout: 30h }\n"), {"9:28 E204"}},
      {"pre_stop_delay", with_route("shutdown: { pre_stop_delay: 30h }\n"), {"9:29 E204"}},
      {"pre_stop_delay unit", with_route("shutdown: { pre_stop_delay: 30 }\n"), {"9:29 E203"}},
      {"socket path", with_route("listeners: [{ address: \"unix:a\" }]\n"), {"9:24 E206"}},
      {"socket twice",
       with_route("listeners: [{ name: a, address: \"unix:/a\" }, { name: b, address: "
                  "\"unix:/a\" }]\n"),
       {"9:66 E302"}},
      {"doubtful",
       with_route("    doubtful: [499, \"520-600\", 0502]\n"),
       {"9:16 E204", "9:21 E204", "9:32 E202"}},
      {"vary",
       with_route("    vary: [If-Match, \"*\", A, a]\n"),
       {"9:12 E209", "9:22 E209", "9:30 E302"}},
      {"probe",
       with_route("    probe: { headers: { Host: a, B: [] } }\n"),
       {"9:25 E209", "9:37 E201"}},
      {"both", with_route("    serialize: [POST, PUT]\n"), {"9:23 E214"}},
      {"twice", with_route("    guard: [PUT, PUT]\n"), {"9:18 E302"}},
      {"listener twice",
       with_route("listeners:\n  - name: a\n  - name: a\n    address: \"127.0.0.1:1\"\n"),
       {"11:11 E302"}},
      {"address twice", with_route("listeners:\n  - name: a\n  - name: b\n"), {"11:5 E302"}},
      {"no listener", with_route("listeners: []\n"), {"9:12 E103"}},
      {"secret", with_route("etag_secret_file: /nonexistent/secret\n"), {"9:19 E310"}},
      {"unnamed route", with_route("  - match: { path: /b }\n    upstream: api\n"), {"9:5 E103"}},
      {"no path",
       with_route("  - name: b\n    match: { host: a }\n    upstream: api\n"),
       {"10:12 E103"}},
      {"no match, no upstream", with_route("  - name: b\n"), {"9:11 E103", "9:11 E103"}},
  });
}

TEST(TheAccessLog, IsReadInBothForms) {
  const auto read = [](const std::string& text) {
    const LoadResult result = load_text(with_route(text));
    EXPECT_TRUE(result.config) << told(result);
    return result.config ? result.config->access_log : AccessLog{};
  };
  EXPECT_EQ(read("").path, "off");
  EXPECT_EQ(read("access_log: off\n").path, "off");
  EXPECT_EQ(read("access_log: null\n").path, "off");
  EXPECT_EQ(read("access_log: stdout\n").path, "stdout");
  EXPECT_EQ(read("access_log: stdout\n").format, LogFormat::json);
  EXPECT_EQ(read("access_log: { path: /var/log/a.log, format: text }\n").path, "/var/log/a.log");
  EXPECT_EQ(read("access_log: { path: stdout, format: text }\n").format, LogFormat::text);
  expect_findings({
      {"no path", with_route("access_log: { format: text }\n"), {"9:13 E103"}},
      {"nowhere", with_route("access_log: \"\"\n"), {"9:13 E205"}},
      {"the other stream", with_route("access_log: { path: stderr }\n"), {"9:21 E205"}},
      {"another format", with_route("access_log: { path: off, format: xml }\n"), {"9:34 E205"}},
      {"an unknown key", with_route("access_log: { path: off, fields: [] }\n"), {"9:26 E101"}},
      {"a list", with_route("access_log: [stdout]\n"), {"9:13 E201"}},
      {"trace", with_route("trace: sometimes\n"), {"9:8 E205"}},
  });
  EXPECT_EQ(load_text(with_route("")).config->trace, Trace::automatic);
  EXPECT_EQ(load_text(with_route("trace: off\n")).config->trace, Trace::off);
}

TEST(Loader, FindsWhatIsWrongBetweenKeys) {
  const std::string rest = "    upstream: api\n";
  expect_findings({
      {"covered",
       with_route("  - name: b\n    match: { path: \"/v1/orders/7\" }\n" + rest),
       {"10:20 E303"}},
      {"same",
       with_route("  - name: b\n    match: { path: \"/v1/orders/{x}\" }\n" + rest),
       {"10:20 E303"}},
      {"shadowed",
       with_route("    mode: bypass\n  - name: b\n    match: { path: \"/v1/orders/7\" }\n" + rest),
       {"11:20 E304"}},
  });
  const LoadResult other_host = load_text(with_route(
      "  - name: b\n    match: { path: \"/v1/orders/7\" }\n    upstream: api\n    mode: bypass\n"
      "  - name: c\n    match: { path: \"/**\" }\n    upstream: api\n"));
  EXPECT_EQ(findings(other_host), (Findings{"10:20 E303"}));
  const LoadResult hosts =
      load_text(with_route("").substr(0, with_route("").find("    match")) +
                "    match: { path: \"/**\", host: a.org }\n    upstream: api\n"
                "  - name: b\n    match: { path: \"/**\" }\n    upstream: api\n");
  EXPECT_TRUE(hosts.config) << told(hosts);
}

TEST(Loader, WarnsWithoutRefusing) {
  const LoadResult unused = load_text(
      "version: 1\nupstreams:\n  spare: { url: \"http://b\" }\n  api: { url: \"http://a\" }\n" +
      with_route("").substr(with_route("").find("routes")));
  EXPECT_EQ(findings(unused), (Findings{"3:3 W305"}));
  EXPECT_TRUE(unused.config);
  EXPECT_EQ(unused.config->routes.at(0).upstream, 1U);
  const LoadResult drain = load_text(with_route("shutdown: { drain_timeout: 10s }\n"));
  EXPECT_EQ(findings(drain), (Findings{"9:28 W306"}));
  EXPECT_EQ(drain.diagnostics.at(0).severity, Severity::warning);
  EXPECT_TRUE(drain.config);
}

TEST(Loader, ObserveIsAModeWithAFieldThatNamesTheClient) {
  const LoadResult plain = load_text(with_route("    mode: observe\n"));
  ASSERT_TRUE(plain.config) << told(plain);
  EXPECT_EQ(plain.config->routes[0].settings.mode, Mode::observe);
  EXPECT_EQ(plain.config->routes[0].settings.observe.client_field, "User-Agent");

  const LoadResult inherited = load_text(
      with_route("defaults: { mode: observe, observe: { client_field: X-Application } }\n"));
  ASSERT_TRUE(inherited.config) << told(inherited);
  EXPECT_EQ(inherited.config->routes[0].settings.mode, Mode::observe);
  EXPECT_EQ(inherited.config->routes[0].settings.observe.client_field, "X-Application");

  expect_findings({
      {"no name", with_route("    observe: { client_field: \"a b\" }\n"), {"9:30 E209"}},
      {"secret", with_route("    observe: { client_field: authorization }\n"), {"9:30 E209"}},
      {"key", with_route("    observe: { client_field: X-Api-Key }\n"), {"9:30 E209"}},
      {"condition", with_route("    observe: { client_field: If-Match }\n"), {"9:30 E209"}},
      {"nothing", with_route("    observe: { client_field: }\n"), {"9:16 E201"}},
      {"list", with_route("    observe: { client_field: [a] }\n"), {"9:30 E201"}},
      {"unknown", with_route("    observe: { client: a }\n"), {"9:16 E101"}},
      {"no section", with_route("    observe: User-Agent\n"), {"9:14 E201"}},
  });
}

TEST(Loader, ReplacesVariablesInAnyValueAndChecksTheResult) {
  const std::string more =
      "    mode: ${M:-bypass}\n    max_body: \"${SIZE}\"\nstate_dir: ${NONE:-}\n";
  const LoadResult good = load_text(with_route(more), {{"SIZE", "2MiB"}});
  ASSERT_TRUE(good.config) << told(good);
  EXPECT_EQ(good.config->routes[0].settings.mode, Mode::bypass);
  EXPECT_EQ(good.config->routes[0].settings.max_body, 2 * mib);
  EXPECT_FALSE(good.config->state_dir);
  EXPECT_EQ(findings(load_text(with_route(more))), (Findings{"10:15 E220"}));
  EXPECT_EQ(findings(load_text(with_route(more), {{"SIZE", "2"}})), (Findings{"10:15 E203"}));
}

TEST(Loader, MergesRoutesAndUpstreamsOfSeveralFiles) {
  const std::string second =
      "version: 1\nupstreams: { more: { url: \"http://b\" } }\n"
      "routes:\n  - name: docs\n    match: { path: \"/docs/**\" }\n    upstream: more\n";
  const LoadResult good = load({{{"a.yaml", with_route("")}, {"b.yaml", second}}, {}, {}});
  ASSERT_TRUE(good.config) << told(good);
  EXPECT_EQ(good.config->routes.at(1).upstream, 1U);
  const LoadResult clash =
      load({{{"a.yaml", with_route("log: {}\n")}, {"b.yaml", with_route("log: {}\n")}}, {}, {}});
  EXPECT_EQ(findings(clash), (Findings{"3:3 E302", "6:11 E302", "9:1 E107"})) << told(clash);
  for (const Diagnostic& one : clash.diagnostics) {
    EXPECT_EQ(one.file, "b.yaml");
    EXPECT_NE(one.help.find("a.yaml:" + std::to_string(one.line)), std::string::npos) << one.help;
  }
}

TEST(Loader, AFileThatFailsDoesNotHideTheOthersFaults) {
  const LoadResult result = load({{{"missing-file.yaml", std::nullopt},
                                   {"b.yaml", with_route("    mode: x\n    upstream: other\n")},
                                   {"-", std::nullopt}},
                                  {},
                                  {}});
  EXPECT_EQ(findings(result), (Findings{"0:0 E001", "9:11 E205", "10:5 E102", "0:0 E001"}))
      << told(result);
}

TEST(Loader, ReadsFilesAndSecrets) {
  const std::string directory = testing::TempDir();
  const std::string secret = directory + "ifmatch_secret";
  const std::string file = directory + "ifmatch_config.yaml";
  std::ofstream(secret) << "0123456789abcdef\n";
  std::ofstream(file) << with_route("etag_secret_file: " + secret + "\n");
  const LoadResult result = load({{{file, std::nullopt}}, {}, {}});
  ASSERT_TRUE(result.config) << told(result);
  EXPECT_EQ(result.config->etag_secret, "0123456789abcdef");
  std::ofstream(secret) << "short";
  EXPECT_EQ(findings(load({{{file, std::nullopt}}, {}, {}})), (Findings{"9:19 W311"}));
  std::ofstream(secret) << "\n";
  EXPECT_EQ(findings(load({{{file, std::nullopt}}, {}, {}})), (Findings{"9:19 E310"}));
  EXPECT_EQ(findings(load({{{directory, std::nullopt}}, {}, {}})), (Findings{"0:0 E001"}));
  std::remove(secret.c_str());
  std::remove(file.c_str());
}

TEST(Loader, TellsTheFileToUseWhenNoneIsNamed) {
  EXPECT_EQ(default_file(environment_of({{"IFMATCH_CONFIG", "/nonexistent/a.yaml"}})),
            "/nonexistent/a.yaml");
}

}  // namespace
}  // namespace ifmatch::config
