#include "node/core/free_port.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>
#include <mutex>
#include <random>
#include <set>

namespace assay::node {
namespace {

constexpr uint16_t kFirst = 10'000;
constexpr uint32_t kFewest = 1'000;  // a range shorter than this is not used

// One past the last port to give: where the kernel's own range begins (32768 unless told
// otherwise).
uint32_t end_of_range() {
    std::ifstream file("/proc/sys/net/ipv4/ip_local_port_range");
    uint32_t kernels_first = 0;
    if (file >> kernels_first && kernels_first >= kFirst + kFewest) return kernels_first;
    return 65'536;
}

bool nothing_listens(uint16_t port) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return false;
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    const bool bound = ::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    ::close(fd);
    return bound;
}

}  // namespace

Result<uint16_t> free_port() {
    static std::mutex mutex;
    static std::set<uint16_t> given;
    static std::mt19937 random(std::random_device{}());
    const std::scoped_lock lock(mutex);
    std::uniform_int_distribution<uint32_t> any(kFirst, end_of_range() - 1);
    for (uint32_t attempt = 0; attempt < kFewest; ++attempt) {
        const auto port = static_cast<uint16_t>(any(random));
        if (given.contains(port) || !nothing_listens(port)) continue;
        given.insert(port);
        return port;
    }
    return fail(Code::kIo, "no free TCP port on 127.0.0.1. Remedy: stop what listens there");
}

}  // namespace assay::node
