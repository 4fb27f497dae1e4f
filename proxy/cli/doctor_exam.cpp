#include "proxy/cli/doctor_exam.hpp"

#include <algorithm>
#include <array>

#include "proxy/cli/terminal.hpp"
#include "proxy/http/entity_tag.hpp"
#include "proxy/http/problem.hpp"

namespace ifmatch::cli {
namespace {

using http::FieldId;

// What became of a tag of ours on its way.
enum class Tag : std::uint8_t {
  missing,
  whole,
  weakened,   // W/ before it
  suffixed,   // "-gzip" or the like behind it
  unquoted,
  repeated,   // two lines
  foreign,    // of somebody else
};

Tag tag_of(const Answered& answer) {
  const http::Fields& fields = answer.head.fields;
  const std::size_t lines = fields.count(FieldId::etag);
  if (lines == 0) return Tag::missing;
  if (lines > 1) return Tag::repeated;
  const std::string_view value = fields.first(FieldId::etag);
  const std::optional<http::EntityTag> tag = http::parse_entity_tag(value);
  if (!tag) return value.find("im1-") != value.npos ? Tag::unquoted : Tag::foreign;
  if (http::parse_own(*tag)) return tag->weak ? Tag::weakened : Tag::whole;
  return http::recognise_rewritten(*tag) ? Tag::suffixed : Tag::foreign;
}

// The version that a tag of ours names, whatever was done to it.
std::optional<guard::Version> version_of(const Answered& answer) {
  const auto tag = http::parse_entity_tag(answer.head.fields.first(FieldId::etag));
  if (!tag) return std::nullopt;
  const auto own = http::parse_own(*tag);
  return own ? own : http::recognise_rewritten(*tag);
}

bool is_success(const Answered& answer) { return answer.head.status == 200; }

// The name of a field other than ETag that holds a tag of ours; "" where there is none.
std::string renamed_to(const Answered& answer) {
  for (const http::Fields::Line line : answer.head.fields) {
    const auto tag = http::parse_entity_tag(line.value);
    if (tag && (http::parse_own(*tag) || http::recognise_rewritten(*tag)) &&
        !http::equals_ignoring_case(line.name, "ETag")) {
      return std::string(line.name);
    }
  }
  return {};
}

bool went_through_ifmatch(const Answered& answer) {
  const http::Fields& fields = answer.head.fields;
  for (std::size_t at = 0; at < fields.size(); ++at) {
    if (fields.id(at) == FieldId::via && fields.line(at).value.find(" ifmatch") != std::string::npos)
      return true;
  }
  return false;
}

// Who stands before ifmatch, as far as an answer tells.
enum class Middle : std::uint8_t { unknown, nginx, apache, caddy, cloudflare, cloudfront };

struct Mark {
  std::string_view field;
  std::string_view part;  // of its value, "" for any
  Middle middle;
  std::string_view name;
};
constexpr std::array<Mark, 8> marks{{
    {"CF-Ray", "", Middle::cloudflare, "Cloudflare"},
    {"Server", "cloudflare", Middle::cloudflare, "Cloudflare"},
    {"X-Amz-Cf-Id", "", Middle::cloudfront, "CloudFront"},
    {"Server", "nginx", Middle::nginx, "nginx"},
    {"Server", "openresty", Middle::nginx, "nginx"},
    {"Server", "Apache", Middle::apache, "Apache"},
    {"Server", "Caddy", Middle::caddy, "Caddy"},
    {"Via", "Caddy", Middle::caddy, "Caddy"},
}};

const Mark* mark_on(const Answered& answer) {
  for (const Mark& mark : marks) {
    if (answer.head.fields.first(mark.field).find(mark.part) != std::string_view::npos &&
        answer.head.fields.has(mark.field)) {
      return &mark;
    }
  }
  return nullptr;
}

Middle middle_of(const Answered& answer) {
  const Mark* const mark = mark_on(answer);
  return mark == nullptr ? Middle::unknown : mark->middle;
}

std::string who(const Answered& answer) {
  const Mark* const mark = mark_on(answer);
  if (mark == nullptr) return "something before ifmatch";
  return "something before ifmatch, by its fields " + std::string(mark->name) + ",";
}

std::string_view keep_whole(Middle middle) {
  switch (middle) {
    case Middle::nginx:
      return "in nginx write 'gzip off;' for this location (and no sub_filter)";
    case Middle::apache: return "in Apache write 'DeflateAlterETag NoChange', or do not compress here";
    case Middle::caddy: return "in Caddy take 'encode' away from this path";
    case Middle::cloudflare:
      return "at Cloudflare respect strong ETags, and turn off what rewrites content for this path";
    case Middle::cloudfront: return "at CloudFront turn off compression for this path";
    case Middle::unknown: break;
  }
  return "let it pass the content of this path as it is, without compressing it";
}

std::string_view let_pass(Middle middle) {
  switch (middle) {
    case Middle::nginx:
      return "in nginx look for 'proxy_hide_header ETag', 'more_clear_headers' and 'sub_filter'";
    case Middle::apache: return "in Apache look for 'Header unset ETag' and 'FileETag None'";
    case Middle::caddy: return "in Caddy look for 'header -ETag' and 'header_down -ETag'";
    case Middle::cloudflare:
      return "at Cloudflare respect strong ETags, and turn off what rewrites content for this path";
    case Middle::cloudfront: return "at CloudFront look at the response headers policy";
    case Middle::unknown: break;
  }
  return "let the field ETag pass as it is";
}

std::string_view forward_condition(Middle middle) {
  switch (middle) {
    case Middle::nginx:
      return "in nginx take away 'proxy_set_header If-Match', and 'proxy_cache' for this location";
    case Middle::apache: return "in Apache take away 'RequestHeader unset If-Match'";
    case Middle::caddy: return "in Caddy take away 'header_up -If-Match'";
    case Middle::cloudflare:
    case Middle::cloudfront: return "let it forward If-Match to the origin";
    case Middle::unknown: break;
  }
  return "let whatever is before ifmatch forward the field as it is";
}

std::string quoted(std::string_view text) { return "'" + std::string(text) + "'"; }

std::string etag_of(const Answered& answer) {
  return std::string(answer.head.fields.first(FieldId::etag));
}

// The type of a problem answer of ours, without its prefix; "" for any other answer.
std::string problem_in(const Answered& answer) {
  constexpr std::string_view prefix = "\"urn:ifmatch:problem:";
  const std::size_t at = answer.content.find(prefix);
  if (at == std::string::npos) return {};
  const std::size_t begin = at + prefix.size();
  return answer.content.substr(begin, answer.content.find('"', begin) - begin);
}

class Exam {
 public:
  Exam(const Examined& seen, const std::optional<Expected>& expected)
      : seen_(seen), expected_(expected) {}

  std::vector<Finding> findings() {
    if (!route() || !read(*seen_.plain)) return std::move(findings_);
    look_at_tag(*seen_.plain, "an uncompressed read", "plain");
    if (seen_.coded) compressed(*seen_.coded);
    if (seen_.again) repeated(*seen_.again);
    cached();
    rewritten();
    condition(seen_.plain_conditional, *seen_.plain, "an uncompressed read");
    if (seen_.coded) condition(seen_.coded_conditional, *seen_.coded, "a compressed read");
    write();
    return std::move(findings_);
  }

 private:
  void good(std::string_view code, std::string text) { add(Level::good, code, std::move(text), ""); }
  void note(std::string_view code, std::string text, std::string_view remedy = "") {
    add(Level::note, code, std::move(text), remedy);
  }
  void problem(std::string_view code, std::string text, std::string_view remedy) {
    add(Level::problem, code, std::move(text), remedy);
  }
  void add(Level level, std::string_view code, std::string text, std::string_view remedy) {
    findings_.push_back({level, code, std::move(text), std::string(remedy)});
  }

  [[nodiscard]] bool observed() const {
    return expected_ && expected_->mode == config::Mode::observe;
  }

  bool route() {
    if (!expected_) return true;
    if (expected_->route.empty()) {
      problem("no-route", "the configuration has no route for this URL: ifmatch answers 404",
              "add a route whose match.path and match.host fit it");
      return false;
    }
    if (expected_->mode == config::Mode::bypass) {
      note("bypass", "the route " + quoted(expected_->route) +
                         " is in mode bypass: it guards nothing, and hands out no tag",
           "set mode: enforce, or observe to begin with");
      return false;
    }
    good("route", "the route is " + quoted(expected_->route) + ", in mode " +
                      (observed() ? "observe" : "enforce"));
    return true;
  }

  bool read(const Answered& answer) {
    const int status = answer.head.status;
    if (status == 200) return true;
    const std::string told = "a GET was answered " + std::to_string(status);
    const std::string type = problem_in(answer);
    if (status == 401 || status == 403) {
      problem("unauthorised", told, "say who asks: -H 'Authorization: ...' or -H 'Cookie: ...'");
    } else if (status >= 300 && status < 400) {
      problem("redirect", told + ", to " +
                              quoted(answer.head.fields.first(FieldId::location)),
              "ask about that URL");
    } else if (!type.empty()) {
      problem("refused", told + " by ifmatch: " + type, "its detail says why: read it with curl");
    } else {
      problem("no-content", told + ": nothing can be said of its tags",
              "ask about a URL that a GET answers with 200");
    }
    return false;
  }

  // Whether there is a tag of ours, whatever became of it.
  bool look_at_tag(const Answered& answer, const std::string& what, std::string_view code) {
    const std::string value = etag_of(answer);
    const Middle middle = middle_of(answer);
    const bool accepted = expected_ && expected_->accepts_rewritten;
    switch (tag_of(answer)) {
      case Tag::whole:
        good("tag", what + " carries a strong tag of ifmatch, " + value);
        return true;
      case Tag::weakened:
      case Tag::suffixed: {
        const bool weak = tag_of(answer) == Tag::weakened;
        const std::string told = who(answer) + (weak ? " weakens the tag of " : " renames the tag of ") +
                                 what + ": " + value;
        if (accepted) {
          note(weak ? "weakened" : "suffixed", told + ", which accept_rewritten_tags allows for");
        } else {
          problem(weak ? "weakened" : "suffixed",
                  told + ". Sent back as If-Match it is refused with 412",
                  std::string(keep_whole(middle)) + "; or set accept_rewritten_tags: true");
        }
        return true;
      }
      case Tag::unquoted:
        problem("unquoted", who(answer) + " takes the quotes off the tag: " + value,
                let_pass(middle));
        return true;
      case Tag::repeated:
        problem("repeated", what + " carries more than one ETag",
                "let whatever is before ifmatch add none of its own");
        return false;
      case Tag::foreign: foreign(answer, what); return false;
      case Tag::missing: missing(answer, what, code); return false;
    }
    return false;
  }

  void foreign(const Answered& answer, const std::string& what) {
    const std::string told = what + " carries a tag that is not of ifmatch: " + etag_of(answer);
    if (observed()) {
      note("foreign", told + ". In mode observe the API's own tags pass");
    } else if (went_through_ifmatch(answer) || expected_) {
      problem("foreign", told, "look for what replaces ETag on the way from ifmatch; " +
                                   std::string(let_pass(middle_of(answer))));
    } else {
      problem("foreign", told + ", and nothing shows that the answer came through it",
              "see that this URL leads to ifmatch, and to a route that is not in mode bypass");
    }
  }

  void missing(const Answered& answer, const std::string& what, std::string_view code) {
    const std::string renamed = renamed_to(answer);
    if (!renamed.empty()) {
      problem("renamed", who(answer) + " renames the field ETag to " + renamed,
              let_pass(middle_of(answer)));
    } else if (expected_ && answer.size > expected_->max_body) {
      problem("too-large", what + " has " + std::to_string(answer.size) +
                               " octets, more than max_body: it carries no tag",
              "raise max_body of the route " + expected_->route);
    } else if (code == "coded" && tag_of(*seen_.plain) == Tag::whole) {
      problem("stripped", who(answer) + " takes the tag off when it compresses",
              keep_whole(middle_of(answer)));
    } else if (went_through_ifmatch(answer) || expected_) {
      problem("stripped", what + " came through ifmatch and carries no ETag: " + who(answer) +
                              " may strip it",
              std::string(let_pass(middle_of(answer))) +
                  ". Larger answers than max_body, and routes in mode bypass, have none either");
    } else {
      problem("missing", what + " carries no ETag, and nothing shows that ifmatch is in the way",
              "see that this URL leads to ifmatch, and to a route that is not in mode bypass");
    }
  }

  void compressed(const Answered& answer) {
    if (!is_success(answer)) {
      problem("compressed", "a GET that accepts gzip was answered " +
                                std::to_string(answer.head.status),
              "see why it differs from one that does not");
      return;
    }
    const bool coded = answer.head.fields.has(FieldId::content_encoding);
    if (!coded) {
      const bool same = etag_of(answer) == etag_of(*seen_.plain);
      if (same) return good("uncompressed", "nothing compresses what is read here");
    }
    look_at_tag(answer, coded ? "a compressed read" : "a read that accepts gzip", "coded");
    if (coded && tag_of(answer) == Tag::whole && etag_of(answer) == etag_of(*seen_.plain)) {
      good("compressed", "it is compressed on its way, and keeps its tag");
    }
  }

  void repeated(const Answered& answer) {
    if (!is_success(answer)) return;
    const bool same_content = answer.content == seen_.plain->content;
    const bool same_tag = etag_of(answer) == etag_of(*seen_.plain);
    if (same_content == same_tag) {
      if (same_tag) return good("stable", "two reads in a row show the same");
      problem("unstable", "two reads in a row differ in their content: each is another version, and "
                          "writers are refused though nobody has written",
              "unless somebody is writing just now, let the API answer without time stamps and the "
              "like, or do not guard this path");
    } else if (same_content) {
      problem("two-tags", "two reads in a row have the same content and different tags",
              "give all instances the same etag_secret_file, and see that all have one Content-Type");
    } else {
      problem("content-changed", "two reads in a row have the same tag and different content: "
                                 "something rewrites it behind ifmatch",
              keep_whole(middle_of(answer)));
    }
  }

  void cached() {
    const http::Fields& fields = seen_.plain->head.fields;
    if (!fields.has(FieldId::age)) return;
    problem("cached", "a cache answers (Age: " + std::string(fields.first(FieldId::age)) +
                          ") though the read says Cache-Control: no-cache: clients get old tags, and "
                          "their writes 412",
            "let the cache obey no-cache for this path, or let the API answer with "
            "Cache-Control: no-cache");
  }

  // With the configuration the tag can be made once more, from what has arrived.
  void rewritten() {
    if (!expected_ || expected_->tag.empty() || observed()) return;
    const std::optional<guard::Version> version = version_of(*seen_.plain);
    if (!version) return;
    if (http::format_tag(*version) == expected_->tag) {
      return good("content", "the content is the one that the tag was made of");
    }
    problem("content-changed", "the content, or its Content-Type, is not what the tag was made of (" +
                                   expected_->tag + ")",
            std::string(keep_whole(middle_of(*seen_.plain))) +
                "; or this is not the configuration, or not the etag_secret_file, that is running");
  }

  void condition(const std::optional<Answered>& answer, const Answered& asked,
                 const std::string& what) {
    if (!answer || observed()) return;
    if (answer->head.status == 304) {
      return good("not-modified", what + " repeated with If-None-Match is answered 304");
    }
    if (!is_success(*answer)) {
      return problem("condition", what + " repeated with If-None-Match was answered " +
                                      std::to_string(answer->head.status),
                     "see what answers instead of ifmatch");
    }
    if (etag_of(*answer) != etag_of(asked)) {
      return note("changed", "the content changed between two reads, so that 304 could not be had",
                  "ask again while nobody writes");
    }
    problem("condition-dropped",
            what + " repeated with If-None-Match is answered 200 with the same tag: the condition is "
                   "dropped or changed on its way" +
                (expected_ ? "" : ", or the route is in mode observe"),
            "let If-None-Match pass; " + std::string(forward_condition(middle_of(*answer))));
  }

  void write() {
    if (!seen_.write) {
      if (observed()) return note("observe", "in mode observe no write is refused",
                                  "set mode: enforce once the counts look right");
      return note("no-write", "whether If-Match arrives was not tried, because nothing shows that "
                              "ifmatch would refuse it");
    }
    const Answered& answer = *seen_.write;
    const std::string told = "a write (" + seen_.write_method + ") with an If-Match that cannot match";
    const std::string type = problem_in(answer);
    const int status = answer.head.status;
    if (type == "stale-version") return stale(answer, told);
    if (type == "precondition-missing") return dropped(answer, told);
    if (type == "bad-condition") {
      return problem("if-match-changed", told + " arrives malformed at ifmatch",
                     forward_condition(middle_of(answer)));
    }
    // ifmatch passes on what refuses its own question, but this resource was read a moment ago: who
    // says that it is not there is the API, which does not know the method.
    const bool passed_on = status == 401 || status == 403 || status == 429;
    if (!type.empty() || passed_on) {
      return note("no-answer", told + " was answered " + std::to_string(status) +
                                   (type.empty() ? "" : " " + type) +
                                   ": whether If-Match arrives cannot be told",
                  "try again later, or with the credentials of a writer (-H)");
    }
    if (status == 412) {
      return problem("foreign-412", told + " was answered 412, but not by ifmatch: " + who(answer) +
                                        " evaluates the condition itself",
                     "let it pass conditions on and evaluate none");
    }
    if (went_through_ifmatch(*seen_.plain) && !went_through_ifmatch(answer)) {
      return note("no-answer", who(answer) + " answers a " + seen_.write_method + " itself (" +
                                   std::to_string(status) +
                                   "): whether If-Match arrives cannot be told",
                  "ask with --write, which sends a PUT of what was just read");
    }
    dropped(answer, told);
  }

  void stale(const Answered& answer, const std::string& told) {
    std::string escaped;
    http::append_json_string(escaped, seen_.write_tag);
    if (answer.content.find(escaped) == std::string::npos) {
      return problem("if-match-changed", told + " is refused, but the tag arrives changed",
                     forward_condition(middle_of(answer)));
    }
    if (answer.head.status != 412 && answer.head.status != 409) {
      return problem("status-changed", told + " is refused by ifmatch, and the status arrives as " +
                                           std::to_string(answer.head.status),
                     "let the answers of ifmatch pass as they are");
    }
    good("refused", told + " is refused by ifmatch with " + std::to_string(answer.head.status));
  }

  void dropped(const Answered& answer, const std::string& told) {
    problem("if-match-dropped",
            told + " was " +
                (problem_in(answer).empty()
                     ? "not refused (" + std::to_string(answer.head.status) + ")"
                     : "refused as one without a precondition") +
                ": If-Match is dropped on its way" +
                (expected_ ? "" : ", or the route is in mode observe or bypass"),
            forward_condition(middle_of(answer)));
  }

  const Examined& seen_;
  const std::optional<Expected>& expected_;
  std::vector<Finding> findings_;
};

std::string_view name_of(Level level) {
  switch (level) {
    case Level::good: return "ok";
    case Level::note: return "note";
    case Level::problem: break;
  }
  return "problem";
}

}  // namespace

bool shows_ifmatch(const Answered& answer) {
  return went_through_ifmatch(answer) || version_of(answer) || !renamed_to(answer).empty() ||
         tag_of(answer) == Tag::unquoted;
}

std::vector<Finding> examine(const Examined& seen, const std::optional<Expected>& expected) {
  return Exam(seen, expected).findings();
}

Health health_of(const std::vector<Finding>& findings) {
  const bool ill = std::ranges::any_of(
      findings, [](const Finding& finding) { return finding.level == Level::problem; });
  return ill ? Health::ill : Health::healthy;
}

std::string as_text(const std::vector<Finding>& findings) {
  std::string out;
  for (const Finding& finding : findings) {
    std::string line(name_of(finding.level));
    line.resize(std::max<std::size_t>(line.size() + 1, 9), ' ');
    line += finding.text;
    if (!finding.remedy.empty()) line += ". Remedy: " + finding.remedy;
    make_printable(line);
    out += line + "\n";
  }
  return out;
}

std::string as_json(std::string_view url, const std::vector<Finding>& findings) {
  std::string out = "{\"url\":";
  http::append_json_string(out, url);
  out += ",\"healthy\":";
  out += health_of(findings) == Health::healthy ? "true" : "false";
  out += ",\"findings\":[";
  std::string_view comma;
  for (const Finding& finding : findings) {
    out += comma;
    comma = ",";
    out += "{\"level\":\"" + std::string(name_of(finding.level)) + "\",\"code\":\"" +
           std::string(finding.code) + "\",\"text\":";
    http::append_json_string(out, finding.text);
    out += ",\"remedy\":";
    http::append_json_string(out, finding.remedy);
    out += '}';
  }
  return out + "]}\n";
}

}  // namespace ifmatch::cli
