// Who may talk to the server from where: Host and Origin checks, bearer token extraction.
//
// A browser page of another site can reach a loopback port, by name (DNS rebinding) or by a plain
// cross-site request. The first is stopped by accepting only Host names that are this server's, the
// second by refusing a foreign Origin, what a browser marks as cross-site (images and links have no
// Origin), and any JSON-RPC body not sent as application/json.
// Threads: pure functions. Errors: an empty answer means allowed, else the reason.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "node/rpc/http_server.h"

namespace assay::node {

std::string host_refusal(const HttpConfig& config, std::string_view host);
// `origin` empty: not sent, allowed.
std::string origin_refusal(std::string_view host, std::string_view origin);
// `fetch_site`: the header Sec-Fetch-Site; empty: not sent, allowed.
std::string cross_site_refusal(std::string_view fetch_site);
bool is_json_type(std::string_view content_type);
// Empty when no Authorization header was sent; nullopt when it is not "Bearer TOKEN".
std::optional<std::string> bearer_token(std::string_view authorization);
bool is_loopback(std::string_view host);

}  // namespace assay::node
