#include "proxy/admin/contention.hpp"

#include <algorithm>
#include <tuple>

namespace ifmatch::admin {

Contended& Contention::note(std::string_view resource, std::string_view route,
                            std::uint64_t events) {
  Contended* smallest = nullptr;
  for (Contended& entry : entries_) {
    if (entry.resource == resource && entry.route == route) {
      entry.events += events;
      return entry;
    }
    if (smallest == nullptr || entry.events < smallest->events) smallest = &entry;
  }
  if (entries_.size() < resources_max_) {
    smallest = &entries_.emplace_back();
  } else {
    const std::uint64_t inherited = smallest->events;
    *smallest = Contended{.events = inherited, .error = inherited};
  }
  smallest->resource.assign(resource);
  smallest->route.assign(route);
  smallest->events += events;
  return *smallest;
}

std::vector<Contended> hottest_of(std::vector<Contended> all, std::size_t most) {
  const auto name = [](const Contended& entry) { return std::tie(entry.resource, entry.route); };
  std::ranges::sort(all, std::less<>(), name);
  std::vector<Contended> merged;
  for (Contended& entry : all) {
    if (merged.empty() || name(merged.back()) != name(entry)) {
      merged.push_back(std::move(entry));
      continue;
    }
    Contended& same = merged.back();
    same.events += entry.events;
    same.error += entry.error;
    same.waits += entry.waits;
    same.stale += entry.stale;
    same.busy += entry.busy;
    same.waited += entry.waited;
  }
  std::ranges::stable_sort(merged, std::greater<>(), &Contended::events);
  if (merged.size() > most) merged.resize(most);
  return merged;
}

}  // namespace ifmatch::admin
