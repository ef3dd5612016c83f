// What the listener and the sessions of one HttpServer share. Private to node/rpc.
//
// Ownership: HttpServer owns it; sessions borrow it and are gone before it is, because `workers`
// and `io`, which hold their pending operations, are its last members. Threads: as noted per
// member. Errors: none.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "node/rpc/http_server.h"

namespace assay::node {

namespace net = boost::asio;

// A live connection, or the listener, as the server sees it.
class Session {
public:
    virtual ~Session() = default;
    virtual void close() = 0;  // from any thread
    virtual void poke() = 0;   // from any thread
};

struct ServerState {
    ServerState(HttpConfig config_in, HttpHooks hooks_in)
        : config(std::move(config_in)),
          hooks(std::move(hooks_in)),
          workers(config.worker_threads) {}

    // Constant after construction.
    const HttpConfig config;
    const HttpHooks hooks;
    uint16_t port = 0;

    HttpCounters counters;
    std::atomic<bool> stopping{false};  // set with mutex held

    // Guarded by mutex.
    std::mutex mutex;
    uint64_t next_session = 0;
    std::map<uint64_t, std::weak_ptr<Session>> sessions;

    std::vector<std::thread> threads;
    net::io_context io;
    // Only stop() ends io: a session whose call waits for a worker is no work of io's own.
    net::executor_work_guard<net::io_context::executor_type> open{io.get_executor()};
    net::thread_pool workers;  // runs hooks

    // Runs `work` on a worker; lets go of it, after the lock, when the server stops: nobody would
    // run what is posted after stop_work(), and it would keep its session alive.
    template <typename Work>
    void post_work(Work work) {
        const std::lock_guard lock(mutex);
        if (!stopping) net::post(workers, std::move(work));
    }
    // What was posted is done afterwards, and nothing more is posted. False: that was so before.
    bool stop_work() {
        {
            const std::lock_guard lock(mutex);
            if (stopping.exchange(true)) return false;
        }
        workers.join();
        return true;
    }

    uint64_t enter(const std::shared_ptr<Session>& session) {
        const std::lock_guard lock(mutex);
        sessions.emplace(next_session, session);
        return next_session++;
    }
    void leave(uint64_t id) {
        const std::lock_guard lock(mutex);
        sessions.erase(id);
    }
    std::vector<std::shared_ptr<Session>> live_sessions() {
        const std::lock_guard lock(mutex);
        std::vector<std::shared_ptr<Session>> live;
        for (const auto& [id, weak] : sessions)
            if (auto session = weak.lock()) live.push_back(std::move(session));
        return live;
    }
};

// Counts a connection for as long as it lives.
class ConnectionSlot {
public:
    explicit ConnectionSlot(ServerState& state) : state_(&state) { ++state.counters.connections; }
    ~ConnectionSlot() {
        if (state_ == nullptr) return;
        if (--state_->counters.connections == 0 && state_->stopping) state_->io.stop();
    }
    ConnectionSlot(ConnectionSlot&& other) noexcept
        : state_(std::exchange(other.state_, nullptr)) {}
    ConnectionSlot(const ConnectionSlot&) = delete;
    ConnectionSlot& operator=(const ConnectionSlot&) = delete;
    ConnectionSlot& operator=(ConnectionSlot&&) = delete;

private:
    ServerState* state_;
};

// In strands of their own; they live as long as an operation is pending.
void start_http_session(ServerState& state, net::ip::tcp::socket socket, ConnectionSlot slot);

}  // namespace assay::node
