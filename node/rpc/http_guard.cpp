#include "node/rpc/http_guard.h"

#include <algorithm>

namespace assay::node {
namespace {

std::string lower(std::string_view text) {
    std::string out(text);
    for (char& c : out)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return out;
}

// "name:port" and "[v6]:port" without the port.
std::string_view without_port(std::string_view host) {
    if (host.starts_with('[')) {
        const size_t end = host.find(']');
        return end == std::string_view::npos ? host : host.substr(0, end + 1);
    }
    return host.substr(0, host.find(':'));
}

}  // namespace

bool is_loopback(std::string_view host) {
    const std::string name = lower(host);
    return name == "localhost" || name == "[::1]" || name == "::1" || name == "127.0.0.1";
}

std::string host_refusal(const HttpConfig& config, std::string_view host) {
    const std::string name = lower(without_port(host));
    if (is_loopback(name) || name == lower(config.host)) return "";
    const bool extra = std::ranges::any_of(
        config.extra_hosts, [&](const std::string& allowed) { return lower(allowed) == name; });
    if (extra) return "";
    return "Host \"" + name.substr(0, 64) +
           "\" is not this server: use its address, or add the name to rpc.extra_hosts\n";
}

std::string origin_refusal(std::string_view host, std::string_view origin) {
    if (origin.empty()) return "";
    const std::string name = lower(origin);
    if (name == "http://" + lower(host) || name == "https://" + lower(host)) return "";
    return "Origin \"" + name.substr(0, 64) + "\" may not use this server from a browser\n";
}

std::string cross_site_refusal(std::string_view fetch_site) {
    if (lower(fetch_site) != "cross-site") return "";
    return "a page of another site may not ask this server: open its address yourself\n";
}

bool is_json_type(std::string_view content_type) {
    const std::string type = lower(content_type.substr(0, content_type.find(';')));
    return type == "application/json" || type == "application/json ";
}

std::optional<std::string> bearer_token(std::string_view authorization) {
    if (authorization.empty()) return "";
    constexpr std::string_view kScheme = "bearer ";
    if (authorization.size() <= kScheme.size()) return std::nullopt;
    if (lower(authorization.substr(0, kScheme.size())) != kScheme) return std::nullopt;
    return std::string(authorization.substr(kScheme.size()));
}

}  // namespace assay::node
