// `ifmatch doctor`: asks a public URL as a client would, and says what happens to tags and
// conditions on the way.
//
// The write that it tries can do no harm, whoever gets it. It is sent only where a read has shown
// that ifmatch is there. It has no content, its If-Match names a version that cannot exist, and its
// method is made up: ifmatch decides a condition whatever the unsafe method, and an API that gets it
// nevertheless, because the condition was dropped on its way, knows no such method. With --write a
// PUT of the octets that were just read takes its place.
#include <sys/random.h>

#include <array>
#include <cstdio>
#include <stdexcept>

#include "proxy/cli/cli.hpp"
#include "proxy/cli/commands.hpp"
#include "proxy/cli/doctor_exam.hpp"
#include "proxy/cli/doctor_fetch.hpp"
#include "proxy/http/entity_tag.hpp"
#include "proxy/http/framing.hpp"
#include "proxy/net/routing.hpp"

namespace ifmatch::cli {
namespace {

constexpr std::chrono::seconds patience{15};
constexpr std::string_view made_up_method = "IFMATCH-DOCTOR";

// A tag of the right form that nobody was ever given.
std::string impossible_tag() {
  guard::Version version{};
  if (::getrandom(version.data(), version.size(), 0) != static_cast<ssize_t>(version.size())) {
    throw std::runtime_error("there is no randomness");
  }
  return http::format_tag(version);
}

// The fields that the user gave, as pairs. Unset, and told, where one is none.
std::optional<DoctorFields> fields_of(const std::vector<std::string>& lines) {
  DoctorFields fields;
  for (const std::string& line : lines) {
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos || colon == 0 || line.find_first_of("\r\n") != line.npos) {
      std::fprintf(stderr, "ifmatch: '%s' is no field: write 'Name: value'\n", line.c_str());
      return std::nullopt;
    }
    fields.emplace_back(line.substr(0, colon),
                        http::trimmed(std::string_view(line).substr(colon + 1)));
  }
  return fields;
}

// What the configuration says of the URL.
Expected expected_of(const net::Site& site, const DoctorUrl& url, const DoctorFields& fields,
                     const Answered* plain) {
  http::RequestHead head;
  head.method = "GET";
  head.target = url.target;
  head.fields.add("Host", url.authority);
  for (const auto& [name, value] : fields) head.fields.add(name, value);
  Expected expected;
  const auto shape = http::check_request(head);
  if (shape.has_error()) return expected;
  const net::Routing routing = net::route_request(site, head, shape->target);
  if (routing.route == nullptr) return expected;
  const net::SiteRoute& route = *routing.route;
  expected.route = route.config->name;
  expected.mode = route.settings->mode;
  expected.max_body = route.settings->max_body;
  expected.accepts_rewritten = route.settings->accept_rewritten_tags;
  if (plain == nullptr || plain->head.status != 200) return expected;
  const auto hasher = route.version->make_hasher();
  hasher->begin(plain->head.fields.first(http::FieldId::content_type),
                plain->head.fields.first(http::FieldId::content_encoding));
  hasher->update(std::as_bytes(std::span(plain->content)));
  if (const auto version = hasher->finish()) expected.tag = http::format_tag(*version);
  return expected;
}

// The visits, one after another. Throws std::runtime_error with a sentence when one gets no answer.
class Visit {
 public:
  Visit(Doctor& doctor, const DoctorFields& fields) : doctor_(doctor), fields_(fields) {}

  void read(Examined& seen) {
    seen.plain = get("identity", "");
    if (seen.plain->head.status != 200) return;
    seen.again = get("identity", "");
    seen.coded = get("gzip", "");
    seen.plain_conditional = conditional("identity", *seen.plain);
    seen.coded_conditional = conditional("gzip", *seen.coded);
  }

  void write(Examined& seen, DoctorWrite how) {
    seen.write_tag = impossible_tag();
    DoctorFields fields = common();
    fields.emplace_back("If-Match", seen.write_tag);
    seen.write_method = made_up_method;
    std::string_view content;
    if (how == DoctorWrite::puts) {
      seen.write_method = "PUT";
      content = seen.plain->content;
      fields.emplace_back("Content-Type",
                          seen.plain->head.fields.first(http::FieldId::content_type));
    }
    seen.write = ask({.method = seen.write_method, .fields = fields, .content = content});
  }

 private:
  DoctorFields common() const {
    DoctorFields fields{{"User-Agent", "ifmatch-doctor/" IFMATCH_VERSION}, {"Accept", "*/*"}};
    for (const auto& given : fields_) {
      std::erase_if(fields, [&given](const auto& field) {
        return http::equals_ignoring_case(field.first, given.first);
      });
      fields.push_back(given);
    }
    return fields;
  }

  Answered get(std::string_view coding, std::string_view tag) {
    DoctorFields fields = common();
    fields.emplace_back("Accept-Encoding", coding);
    fields.emplace_back("Cache-Control", "no-cache");
    if (!tag.empty()) fields.emplace_back("If-None-Match", tag);
    return ask({.method = "GET", .fields = fields, .content = {}});
  }

  std::optional<Answered> conditional(std::string_view coding, const Answered& first) {
    const std::string tag(first.head.fields.first(http::FieldId::etag));
    if (first.head.status != 200 || tag.empty()) return std::nullopt;
    return get(coding, tag);
  }

  Answered ask(const DoctorRequest& request) {
    std::variant<Answered, std::string> answer = doctor_.ask(request);
    if (const auto* failure = std::get_if<std::string>(&answer)) {
      throw std::runtime_error(*failure);
    }
    return std::get<Answered>(std::move(answer));
  }

  Doctor& doctor_;
  const DoctorFields& fields_;
};

// Whether a PUT of what was read would leave what is there, should somebody take it.
bool can_be_put(const Answered& read) {
  return read.whole && !read.head.fields.has(http::FieldId::content_encoding);
}

std::string_view remedy_for(const std::string& failure) {
  if (failure.find("certificate") != std::string::npos) {
    return "--ca FILE names who issued it; --insecure looks at everything but that";
  }
  return "see that the URL is right and that something listens there";
}

int tell(const DoctorQuestion& question, const std::vector<Finding>& findings) {
  const std::string text =
      question.as_json ? as_json(question.url, findings) : as_text(findings);
  std::fwrite(text.data(), 1, text.size(), stdout);
  return health_of(findings) == Health::healthy ? exit_ok : exit_failed;
}

}  // namespace

int doctor(const ConfigOptions& options, const DoctorQuestion& question,
           const plugins::Registry& plugins) {
  const std::variant<DoctorUrl, std::string> parsed = parse_doctor_url(question.url);
  if (const auto* wrong = std::get_if<std::string>(&parsed)) {
    std::fprintf(stderr, "ifmatch: %s\n", wrong->c_str());
    return exit_usage;
  }
  const auto& url = std::get<DoctorUrl>(parsed);
  const std::optional<DoctorFields> fields = fields_of(question.fields);
  if (!fields) return exit_usage;
  std::optional<net::Site> site;
  if (!options.files.empty()) {
    std::optional<config::Config> config = load_or_report(inputs_of(options));
    if (!config) return exit_config;
    site.emplace(std::move(*config), plugins);
  }

  std::optional<Doctor> doctor;
  try {
    doctor.emplace(url, DoctorTls{question.ca_file, question.verification}, patience);
  } catch (const std::runtime_error& error) {
    std::fprintf(stderr, "ifmatch: %s\n", error.what());
    return exit_usage;
  }
  Examined seen;
  std::optional<Expected> expected;
  try {
    Visit visit(*doctor, *fields);
    visit.read(seen);
    if (site) expected = expected_of(*site, url, *fields, &*seen.plain);
    const bool refuses = !expected || (!expected->route.empty() &&
                                       expected->mode == config::Mode::enforce);
    const bool writable = question.write == DoctorWrite::made_up || can_be_put(*seen.plain);
    if (refuses && writable && seen.plain->head.status == 200 && shows_ifmatch(*seen.plain)) {
      visit.write(seen, question.write);
    }
  } catch (const std::runtime_error& error) {
    const std::string failure = error.what();
    return tell(question, {{Level::problem, "no-answer", failure,
                            std::string(remedy_for(failure))}});
  }
  return tell(question, examine(seen, expected));
}

}  // namespace ifmatch::cli
