// A stand-in for the few GoogleTest macros that tests/compute uses, so that a compute-only build
// needs nothing but a compiler. Defines main(): include it from any number of files of one program.
//
// TEST; EXPECT_/ASSERT_ with EQ NE LT LE GT GE TRUE FALSE; streamed messages; FAIL, ADD_FAILURE.
// Threads: expectations from the main thread only. Exit status: 0 when every test passed.
#pragma once

#include <cstdio>
#include <cstring>
#include <sstream>
#include <string>
#include <vector>

namespace testing {

struct Case {
    std::string name;
    void (*run)();
};
struct State {
    std::vector<Case> cases;
    bool failed = false;
};
inline State& state() {
    static State the_state;  // tests register before main() from every file
    return the_state;
}

struct Registration {
    Registration(const char* suite, const char* name, void (*run)()) {
        state().cases.push_back({std::string(suite) + "." + name, run});
    }
};

class Message {
public:
    template <class T>
    Message& operator<<(const T& value) {
        text_ << value;
        return *this;
    }
    std::string text() const { return text_.str(); }

private:
    std::ostringstream text_;
};

// Assigning a Message reports the failure with it.
struct Failure {
    const char* file;
    int line;
    std::string what;
    void operator=(const Message& message) const {
        state().failed = true;
        std::printf("%s:%d: %s %s\n", file, line, what.c_str(), message.text().c_str());
    }
};

template <class T>
std::string shown(const T& value) {
    if constexpr (requires(std::ostream & out) { out << value; }) {
        std::ostringstream out;
        out << value;
        return out.str();
    } else {
        return "(" + std::to_string(sizeof(T)) + "-byte value)";
    }
}

struct Outcome {
    bool ok;
    std::string what;
    explicit operator bool() const { return ok; }
};
template <class A, class B, class Compare>
Outcome compare(const A& a, const B& b, const char* text, Compare compare) {
    if (compare(a, b)) return {true, {}};
    return {false, std::string(text) + ": " + shown(a) + " against " + shown(b) + ";"};
}

// `only`: a name, or the beginning of names and a star.
inline bool wanted(std::string_view name, const char* only) {
    if (only == nullptr) return true;
    const std::string_view pattern = only;
    if (pattern.ends_with('*')) return name.starts_with(pattern.substr(0, pattern.size() - 1));
    return name == pattern;
}

inline int run_all(int argc, char** argv) {
    const char* only = nullptr;
    for (int i = 1; i < argc; ++i) {
        if (std::strncmp(argv[i], "--gtest_filter=", 15) == 0) only = argv[i] + 15;
    }
    int passed = 0, failed = 0;
    for (const Case& each : state().cases) {
        if (!wanted(each.name, only)) continue;
        state().failed = false;
        each.run();
        state().failed ? ++failed : ++passed;
        std::printf("%s %s\n", state().failed ? "FAILED" : "passed", each.name.c_str());
    }
    if (passed + failed == 0) std::printf("no test is named %s\n", only);
    std::printf("[  PASSED  ] %d tests.\n", passed);  // as GoogleTest sums up
    if (failed > 0) std::printf("[  FAILED  ] %d tests, listed above\n", failed);
    return failed == 0 && passed > 0 ? 0 : 1;
}

}  // namespace testing

#define ASSAY_TEST_NAME(suite, name) suite##_##name##_test
#define TEST(suite, name)                                               \
    static void ASSAY_TEST_NAME(suite, name)();                         \
    static const ::testing::Registration suite##_##name##_registration( \
        #suite, #name, ASSAY_TEST_NAME(suite, name));                   \
    static void ASSAY_TEST_NAME(suite, name)()

// The empty branch keeps a caller's else where it belongs; the tail takes "<< message".
#define ASSAY_CHECK(outcome, leave)                     \
    if (const ::testing::Outcome assay_o = (outcome)) { \
    } else                                              \
        leave ::testing::Failure{__FILE__, __LINE__, assay_o.what} = ::testing::Message()
#define ASSAY_COMPARE(a, b, op, leave)                                                            \
    ASSAY_CHECK(::testing::compare(                                                               \
                    a, b, #a " " #op " " #b,                                                      \
                    [](const auto& assay_x, const auto& assay_y) { return assay_x op assay_y; }), \
                leave)
#define ASSAY_BOOL(x, wanted, leave)                                                             \
    ASSAY_CHECK((::testing::Outcome{static_cast<bool>(x) == wanted, #x " is not " #wanted ";"}), \
                leave)

#define EXPECT_EQ(a, b) ASSAY_COMPARE(a, b, ==, )
#define EXPECT_NE(a, b) ASSAY_COMPARE(a, b, !=, )
#define EXPECT_LT(a, b) ASSAY_COMPARE(a, b, <, )
#define EXPECT_LE(a, b) ASSAY_COMPARE(a, b, <=, )
#define EXPECT_GT(a, b) ASSAY_COMPARE(a, b, >, )
#define EXPECT_GE(a, b) ASSAY_COMPARE(a, b, >=, )
#define EXPECT_TRUE(x) ASSAY_BOOL(x, true, )
#define EXPECT_FALSE(x) ASSAY_BOOL(x, false, )
#define ASSERT_EQ(a, b) ASSAY_COMPARE(a, b, ==, return )
#define ASSERT_NE(a, b) ASSAY_COMPARE(a, b, !=, return )
#define ASSERT_LT(a, b) ASSAY_COMPARE(a, b, <, return )
#define ASSERT_LE(a, b) ASSAY_COMPARE(a, b, <=, return )
#define ASSERT_GT(a, b) ASSAY_COMPARE(a, b, >, return )
#define ASSERT_GE(a, b) ASSAY_COMPARE(a, b, >=, return )
#define ASSERT_TRUE(x) ASSAY_BOOL(x, true, return )
#define ASSERT_FALSE(x) ASSAY_BOOL(x, false, return )
#define ADD_FAILURE() ::testing::Failure{__FILE__, __LINE__, "failure"} = ::testing::Message()
#define FAIL() return ADD_FAILURE()

// Weak, so that every file of a program may define it.
__attribute__((weak)) int main(int argc, char** argv) {
    return ::testing::run_all(argc, argv);
}
