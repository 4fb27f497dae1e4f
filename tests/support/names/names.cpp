// Stands in for the resolver of a program that is started with LD_PRELOAD: what names lead to is
// written in the file that IFMATCH_TEST_NAMES names, one on a line, followed by its addresses, or by
// `hangs`. Names that are not there do not exist. The file is read anew for each question.
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>

namespace {

// As glibc's freeaddrinfo() wants it: the address lies behind the entry, in one piece of memory.
addrinfo* entry_for(const std::string& text) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  if (::inet_pton(AF_INET, text.c_str(), &address.sin_addr) != 1) return nullptr;
  void* const memory = std::calloc(1, sizeof(addrinfo) + sizeof address);
  if (memory == nullptr) return nullptr;
  auto* const entry = static_cast<addrinfo*>(memory);
  std::memcpy(entry + 1, &address, sizeof address);
  entry->ai_family = AF_INET;
  entry->ai_socktype = SOCK_STREAM;
  entry->ai_protocol = IPPROTO_TCP;
  entry->ai_addrlen = sizeof address;
  entry->ai_addr = reinterpret_cast<sockaddr*>(entry + 1);
  return entry;
}

}  // namespace

extern "C" int getaddrinfo(const char* host, const char*, const addrinfo*, addrinfo** found) {
  *found = nullptr;
  const char* const file = std::getenv("IFMATCH_TEST_NAMES");
  std::ifstream lines(file != nullptr ? file : "");
  addrinfo** end = found;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string word;
    words >> word;
    if (host == nullptr || word != host) continue;
    while (words >> word) {
      if (word == "hangs") {
        for (;;) ::poll(nullptr, 0, -1);
      }
      if (addrinfo* const entry = entry_for(word)) {
        *end = entry;
        end = &entry->ai_next;
      }
    }
  }
  return *found != nullptr ? 0 : EAI_NONAME;
}
