#include "proxy/net/observatory.hpp"

#include <utility>

#include "proxy/http/fields.hpp"
#include "proxy/http/problem.hpp"

namespace ifmatch::net {
namespace {

using guard::ObservedCounts;
using guard::ObservedNames;

constexpr std::uint64_t lines_per_second_max = 10;

void append_number(std::string& out, std::string_view name, std::uint64_t number) {
  out += ",\"";
  out += name;
  out += "\":";
  out += std::to_string(number);
}

void append_counts(std::string& out, std::string_view kind, std::string_view name,
                   const ObservedCounts& counts) {
  out += "{\"";
  out += kind;
  out += "\":";
  http::append_json_string(out, name);
  append_number(out, "writes", counts.writes);
  append_number(out, "with_condition", counts.with_condition);
  out += ",\"would_be_refused\":{\"total\":" + std::to_string(counts.refusals());
  for (std::size_t at = 0; at < counts.foreseen.size(); ++at) {
    if (!guard::is_refusal(static_cast<guard::Foresight>(at))) continue;
    append_number(out, guard::foresight_names[at], counts.foreseen[at]);
  }
  out += '}';
  for (const guard::Foresight let_through :
       {guard::Foresight::pass, guard::Foresight::unverifiable}) {
    append_number(out, name_of(let_through),
                  counts.foreseen[static_cast<std::size_t>(let_through)]);
  }
  append_number(out, "lost", counts.lost);
  append_number(out, "blind", counts.blind);
  out += '}';
}

void append_list(std::string& out, std::string_view list, std::string_view kind,
                 const ObservedNames& names) {
  out += '"';
  out += list;
  out += "\":[";
  std::string_view comma;
  for (const auto& [name, counts] : names.named()) {
    out += comma;
    append_counts(out, kind, name, counts);
    comma = ",";
  }
  if (names.others().writes > 0) {
    out += comma;
    append_counts(out, kind, Observatory::other_clients, names.others());
  }
  out += ']';
}

void add(ObservedNames& sum, const ObservedNames& part) {
  for (const auto& [name, counts] : part.named()) sum.of(name) += counts;
  sum.add_to_others(part.others());
}

}  // namespace

std::string_view client_name(std::string_view value) noexcept {
  const std::string_view name = http::trimmed(value).substr(0, Observatory::client_octets_max);
  return name.empty() ? Observatory::no_client : name;
}

guard::Moment Observatory::read_begins() {
  const std::lock_guard lock(mutex_);
  return updates_.read_begins();
}

void Observatory::read_ends(const Observed& who, const guard::Digest& path, guard::Moment began,
                            const std::optional<guard::Version>& version) {
  const std::lock_guard lock(mutex_);
  updates_.read_ends(who.instance, path, began, version);
}

void Observatory::foreseen(const Observed& who, Carries carries, guard::Foresight foresight) {
  const std::lock_guard lock(mutex_);
  for (ObservedCounts* counts : {&routes_.of(who.route), &clients_.of(who.client)}) {
    ++counts->writes;
    if (carries == Carries::condition) ++counts->with_condition;
    ++counts->foreseen[static_cast<std::size_t>(foresight)];
  }
}

bool Observatory::is_overtaken(const Observed& who, const guard::Digest& path,
                               std::span<const guard::Version> versions) {
  const std::lock_guard lock(mutex_);
  return updates_.is_overtaken(who.instance, path, versions);
}

guard::LostUpdates::Write Observatory::write_begins(const Observed& who,
                                                    std::span<const guard::Digest> paths,
                                                    guard::LostUpdates::Kind kind) {
  const std::lock_guard lock(mutex_);
  return updates_.write_begins(who.instance, paths, kind);
}

guard::LostUpdates::Loss Observatory::write_ends(const Observed& who,
                                                 const guard::LostUpdates::Write& write,
                                                 std::span<const guard::Digest> paths,
                                                 guard::LostUpdates::Effect effect) {
  const std::lock_guard lock(mutex_);
  const guard::LostUpdates::Loss loss = updates_.write_ends(write, paths, effect);
  for (ObservedCounts* counts : {&routes_.of(who.route), &clients_.of(who.client)}) {
    if (loss == guard::LostUpdates::Loss::lost) ++counts->lost;
    if (loss == guard::LostUpdates::Loss::blind) ++counts->blind;
  }
  return loss;
}

Observatory::MayLog Observatory::may_log(std::chrono::steady_clock::time_point now) {
  const std::lock_guard lock(mutex_);
  if (now - second_ >= std::chrono::seconds(1)) {
    second_ = now;
    lines_ = 0;
  }
  if (lines_ >= lines_per_second_max) {
    ++left_out_;
    return {};
  }
  ++lines_;
  return {.now = true, .left_out = std::exchange(left_out_, 0)};
}

void Observatory::add_to(ObservedNames& routes, ObservedNames& clients) const {
  const std::lock_guard lock(mutex_);
  add(routes, routes_);
  add(clients, clients_);
}

std::string observed_json(std::span<const Observatory* const> observatories) {
  ObservedNames routes(Observatory::routes_max);
  ObservedNames clients(Observatory::clients_max);
  for (const Observatory* observatory : observatories) observatory->add_to(routes, clients);
  std::string out = "{";
  append_list(out, "routes", "route", routes);
  out += ',';
  append_list(out, "clients", "client", clients);
  out += '}';
  return out;
}

std::vector<std::string> observed_lines(std::span<const Observatory* const> observatories) {
  ObservedNames routes(Observatory::routes_max);
  ObservedNames clients(1);
  for (const Observatory* observatory : observatories) observatory->add_to(routes, clients);
  std::vector<std::string> lines;
  for (const auto& [name, counts] : routes.named()) {
    lines.push_back("route " + name + ": " + std::to_string(counts.writes) + " writes, " +
                    std::to_string(counts.with_condition) + " with a condition, " +
                    std::to_string(counts.refusals()) + " would have been refused, " +
                    std::to_string(counts.lost) + " updates lost");
  }
  return lines;
}

}  // namespace ifmatch::net
