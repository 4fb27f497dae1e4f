#include "proxy/net/origins.hpp"

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <filesystem>
#include <map>
#include <numeric>

namespace ifmatch::net {
namespace {

using boost::asio::ip::address;

std::string lower_case(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), [](char octet) {
    return octet >= 'A' && octet <= 'Z' ? static_cast<char>(octet - 'A' + 'a') : octet;
  });
  return lower;
}

// /var/run is /run nearly everywhere: links are followed, as far as the path exists already.
std::string real_path(const std::string& path) {
  std::error_code failed;
  const std::filesystem::path real = std::filesystem::weakly_canonical(path, failed);
  return failed ? std::filesystem::path(path).lexically_normal().string() : real.string();
}

address without_mapping(const address& numeric) {
  if (!numeric.is_v6() || !numeric.to_v6().is_v4_mapped()) return numeric;
  return boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, numeric.to_v6());
}

}  // namespace

std::string authority_of(const config::Endpoint& place) {
  if (!place.socket.empty()) return "localhost";
  const std::string host = lower_case(place.host);
  const bool numeric_v6 = host.find(':') != std::string::npos;
  return (numeric_v6 ? "[" + host + "]" : host) + ":" + std::to_string(place.port);
}

std::string place_name(const config::Endpoint& place) {
  if (!place.socket.empty()) return "unix:" + real_path(place.socket);
  std::string host = lower_case(place.host);
  boost::system::error_code not_numeric;
  const address numeric = without_mapping(boost::asio::ip::make_address(host, not_numeric));
  // Whoever connects to 0.0.0.0 or [::] gets to this machine, too.
  const bool here = !not_numeric ? numeric.is_loopback() || numeric.is_unspecified()
                                 : host == "localhost";
  if (here) {
    host = "127.0.0.1";
  } else if (!not_numeric) {
    host = numeric.is_v6() ? "[" + numeric.to_string() + "]" : numeric.to_string();
  }
  const char* const scheme = place.scheme == config::Scheme::https ? "https://" : "http://";
  return scheme + host + ":" + std::to_string(place.port);
}

Origins origins_of(const std::vector<config::Upstream>& upstreams) {
  // Each upstream begins as an origin of its own; a place that is known already joins the two.
  std::vector<std::size_t> joined(upstreams.size());
  std::iota(joined.begin(), joined.end(), std::size_t{0});
  const auto root_of = [&joined](std::size_t index) {
    while (joined[index] != index) index = joined[index];
    return index;
  };
  std::map<std::string, std::size_t> first_with;
  for (std::size_t index = 0; index < upstreams.size(); ++index) {
    for (const config::Endpoint& place : upstreams[index].urls) {
      const auto [known, fresh] = first_with.emplace(place_name(place), index);
      if (fresh) continue;
      const std::size_t a = root_of(known->second);
      const std::size_t b = root_of(index);
      joined[std::max(a, b)] = std::min(a, b);
    }
  }

  Origins origins;
  std::map<std::size_t, std::size_t> origin_of_root;
  for (std::size_t index = 0; index < upstreams.size(); ++index) {
    const auto [known, fresh] = origin_of_root.emplace(root_of(index), origins.all.size());
    if (fresh) origins.all.emplace_back();
    origins.of_upstream.push_back(known->second);
    std::vector<std::string>& places = origins.all[known->second].places;
    for (const config::Endpoint& place : upstreams[index].urls) {
      std::string name = place_name(place);
      if (std::ranges::find(places, name) == places.end()) places.push_back(std::move(name));
    }
  }
  return origins;
}

}  // namespace ifmatch::net
