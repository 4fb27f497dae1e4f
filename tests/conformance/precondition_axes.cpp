#include "tests/conformance/precondition_axes.hpp"

namespace ifmatch::conformance {

namespace {

constexpr std::string_view long_ago = "Sun, 06 Nov 1994 08:49:37 GMT";
constexpr std::string_view far_away = "Fri, 31 Dec 2100 23:59:59 GMT";

struct Value {
  std::string name;
  std::vector<std::string> lines;  // one field line each
};

std::vector<Value> if_match_values(const Tags& tags) {
  const auto& [current, old, unseen] = tags;
  std::string unquoted = current;
  std::erase(unquoted, '"');
  return {
      {"current", {current}},
      {"old", {old}},
      {"unseen", {unseen}},
      {"foreign", {"\"abc\""}},
      {"empty tag", {"\"\""}},
      {"tag with comma", {"\"a,b\""}},
      {"list with current", {unseen + ", " + current}},
      {"list with current first", {current + "," + old}},
      {"list without current", {old + ", " + unseen}},
      {"list with empty elements", {", ," + current + " ,"}},
      {"two lines with current", {old, current}},
      {"two lines without current", {old, unseen}},
      {"any", {"*"}},
      {"any with blanks", {" \t* "}},
      {"weak current", {"W/" + current}},
      {"weak old", {"W/" + old}},
      {"weak current and strong current", {"W/" + current + ", " + current}},
      {"current made gzip", {current.substr(0, current.size() - 1) + "-gzip\""}},
      {"current in another case", {"\"IM1" + current.substr(4)}},
      {"unquoted", {unquoted}},
      {"unterminated", {current.substr(0, current.size() - 1)}},
      {"single quotes", {"'" + unquoted + "'"}},
      {"lower-case weak", {"w/" + current}},
      {"two without comma", {current + " " + old}},
      {"blank in tag", {"\"a b\""}},
      {"any then tag", {"*, " + current}},
      {"tag then any", {current + ", *"}},
      {"any twice", {"*, *"}},
      {"any and tag on two lines", {"*", current}},
      {"quoted any", {"\"*\""}},
      {"empty", {""}},
      {"only commas", {", ,"}},
  };
}

std::vector<Value> if_none_match_values(const Tags& tags) {
  const auto& [current, old, unseen] = tags;
  return {
      {"any", {"*"}},
      {"current", {current}},
      {"weak current", {"W/" + current}},
      {"old", {old}},
      {"unseen", {unseen}},
      {"foreign", {"\"abc\""}},
      {"list with current", {old + ", " + current}},
      {"list without current", {old + ", " + unseen}},
      {"list with weak current", {unseen + ", W/" + current}},
      {"two lines with current", {unseen, current}},
      {"unquoted", {"abc"}},
      {"any then tag", {"*, " + current}},
      {"any and tag on two lines", {"*", old}},
      {"empty", {""}},
  };
}

void append(support::Fields& fields, std::string_view name, const Value& value) {
  for (const std::string& line : value.lines) fields.emplace_back(name, line);
}

bool is_one_of(const std::string& name, std::initializer_list<std::string_view> names) {
  for (const std::string_view one : names) {
    if (name == one) return true;
  }
  return false;
}

}  // namespace

std::vector<std::string> methods() {
  return {"GET", "HEAD", "PUT", "PATCH", "DELETE", "POST"};
}

std::vector<Combination> combinations(const Tags& tags) {
  const std::vector<Value> matches = if_match_values(tags);
  const std::vector<Value> none_matches = if_none_match_values(tags);
  const std::vector<Value> dates = {{"past", {std::string(long_ago)}},
                                    {"future", {std::string(far_away)}},
                                    {"no date", {"yesterday"}}};
  std::vector<Combination> all = {{"none", {}}};
  const auto alone = [&all](std::string_view field, const std::vector<Value>& values) {
    for (const Value& value : values) {
      Combination& one = all.emplace_back();
      one.name = std::string(field) + ": " + value.name;
      append(one.fields, field, value);
    }
  };
  const auto pair = [&all](std::string_view field, const Value& value, std::string_view other,
                           const Value& of_other) {
    Combination& both = all.emplace_back();
    both.name =
        std::string(field) + ": " + value.name + " + " + std::string(other) + ": " + of_other.name;
    append(both.fields, field, value);
    append(both.fields, other, of_other);
  };
  alone("If-Match", matches);
  alone("If-None-Match", none_matches);
  alone("If-Unmodified-Since", dates);
  alone("If-Modified-Since", dates);
  for (const Value& value : matches) {
    if (!is_one_of(value.name, {"current", "old", "any", "weak current", "unquoted"})) continue;
    for (const Value& none : none_matches) {
      if (!is_one_of(none.name, {"any", "current", "weak current", "old", "list without current",
                                 "unquoted"})) {
        continue;
      }
      pair("If-Match", value, "If-None-Match", none);
    }
    // A second date says nothing that the first does not.
    pair("If-Match", value, "If-Unmodified-Since", dates.front());
    pair("If-Match", value, "If-Modified-Since", dates.back());
  }
  for (const Value& none : none_matches) {
    if (!is_one_of(none.name, {"any", "current", "old", "unquoted"})) continue;
    pair("If-None-Match", none, "If-Modified-Since", dates[1]);
    pair("If-None-Match", none, "If-Unmodified-Since", dates.front());
  }
  pair("If-Unmodified-Since", dates.front(), "If-Modified-Since", dates[1]);
  Combination& every = all.emplace_back();
  every.name = "all four, all true but the dates";
  every.fields = {{"If-Modified-Since", std::string(far_away)},
                  {"If-None-Match", tags.old},
                  {"If-Unmodified-Since", std::string(long_ago)},
                  {"If-Match", tags.current}};
  Combination& ranged = all.emplace_back();
  ranged.name = "Range + If-Range: current";
  ranged.fields = {{"Range", "bytes=0-0"}, {"If-Range", tags.current}};
  return all;
}

std::vector<State> states() {
  using enum Event;
  using enum State::Recorded;
  return {
      {"exists and was read", {holds_old, is_read, holds_current, is_read}, 200, current},
      {"exists and was never read", {holds_current}, 200, nothing},
      {"changed through us since it was read", {holds_old, is_read, is_written}, 200, nothing},
      {"changed around the proxy since it was read", {holds_old, is_read, holds_current}, 200, old},
      {"never was", {}, 404, nothing},
      {"deleted through us since it was read", {holds_old, is_read, is_deleted}, 404, nothing},
      {"deleted around the proxy since it was read", {holds_old, is_read, vanishes}, 404, old},
      {"gone", {}, 410, nothing},
      {"needs credentials", {}, 401, nothing},
      {"forbidden", {}, 403, nothing},
      {"rationed", {}, 429, nothing},
      {"elsewhere", {}, 302, nothing},
      {"unreadable", {}, 500, nothing},
      {"partial", {}, 206, nothing},
  };
}

}  // namespace ifmatch::conformance
