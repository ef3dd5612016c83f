// The emulator itself: what instructions compute at their edges, lanes that part and meet, and each
// kind of mistake, which must be found.
#include <algorithm>
#include <bit>
#include <cstring>

#include "tests/gpu_emulator/block.h"
#include "tests/support/test.h"

namespace assay::gpu_emulator {
namespace {

constexpr size_t kWords = 256;

// A kernel "k(u64 out)" of such statements, with 64 words of shared memory.
std::string kernel_of(const std::string& body) {
    return ".version 9.0\n.visible .entry k(\n.param .u64 k_param_0\n)\n.maxntid 64, 1, 1\n{\n"
           ".reg .pred %p<8>;\n.reg .b32 %r<24>;\n.reg .b32 %f<8>;\n.reg .b64 %rd<8>;\n"
           ".shared .align 4 .b8 tile[256];\n"
           "ld.param.u64 %rd1, [k_param_0];\ncvta.to.global.u64 %rd2, %rd1;\nmov.u32 %r1, %tid.x;\n"
           "mov.u32 %r2, %ctaid.x;\nmul.wide.u32 %rd3, %r1, 4;\nadd.s64 %rd4, %rd2, %rd3;\n" +
           body + "\nret;\n}\n";
}

struct Outcome {
    std::vector<uint32_t> out;
    std::string error;
    Counters counters;
};

// By blocks of two warps, on `kWords` words that hold 7 each.
Outcome run(const std::string& body, uint32_t blocks = 1, Options options = {true, true}) {
    Outcome result;
    GlobalMemory memory(1 << 20, options.checked);
    const auto base = reinterpret_cast<uint64_t>(memory.allocate(kWords * 4));
    auto* words = reinterpret_cast<uint32_t*>(memory.at(base, kWords * 4, 4));
    std::fill_n(words, kWords, 7U);
    memory.mark(base, kWords * 4, true);
    try {
        const auto kernels = parse_ptx(kernel_of(body));
        Launch launch{kernels.at("k"), std::vector<std::byte>(8), blocks, 64, 1};
        std::memcpy(launch.parameters.data(), &base, sizeof base);
        BlockRunner runner(launch, memory, result.counters, options);
        for (uint32_t block = 0; block < blocks; ++block) runner.run(block);
    } catch (const EmulatorError& error) {
        result.error = error.what();
    }
    result.out.assign(words, words + kWords);
    return result;
}

// What one instruction leaves in %r3 of every lane; operands in %r4, %r5, %r6.
uint32_t value_of(const std::string& instruction, uint32_t a, uint32_t b = 0, uint32_t c = 0) {
    const auto constant = [](int i, uint32_t value) {
        return "mov.b32 %r" + std::to_string(i) + ", " + std::to_string(value) + ";\n";
    };
    const Outcome result = run(constant(4, a) + constant(5, b) + constant(6, c) + instruction +
                               "\nst.global.u32 [%rd4], %r3;");
    EXPECT_EQ(result.error, "");
    return result.out[63];
}
uint32_t bits(float x) {
    return std::bit_cast<uint32_t>(x);
}

TEST(Operations, FloatsRoundOnceAndKeepSubnormals) {
    EXPECT_EQ(value_of("add.rn.f32 %r3, %r4, %r5;", bits(16777216.0F), bits(1.0F)),
              bits(16777216.0F));
    EXPECT_EQ(value_of("mul.rn.f32 %r3, %r4, %r5;", 0x00800000, bits(0.5F)), 0x00400000U);
    EXPECT_EQ(value_of("div.rn.f32 %r3, %r4, %r5;", bits(1.0F), bits(3.0F)), 0x3EAAAAABU);
    EXPECT_EQ(value_of("sqrt.rn.f32 %r3, %r4;", bits(2.0F)), 0x3FB504F3U);
    EXPECT_EQ(value_of("max.f32 %r3, %r4, %r5;", 0x7FC00000, bits(-1.0F)), bits(-1.0F));
    EXPECT_EQ(value_of("max.f32 %r3, %r4, %r5;", bits(-0.0F), bits(0.0F)), bits(0.0F));
    EXPECT_EQ(value_of("min.f32 %r3, %r4, %r5;", bits(0.0F), bits(-0.0F)), bits(-0.0F));
    EXPECT_EQ(value_of("cvt.rzi.s32.f32 %r3, %r4;", bits(-2.9F)), 0xFFFFFFFEU);
    EXPECT_EQ(value_of("cvt.rzi.s32.f32 %r3, %r4;", bits(3e9F)), 0x7FFFFFFFU);
    EXPECT_EQ(value_of("cvt.rzi.s32.f32 %r3, %r4;", 0x7FC00000), 0U);
    EXPECT_EQ(value_of("cvt.rn.f32.s32 %r3, %r4;", 16777219), bits(16777220.0F));
}

TEST(Operations, ComparisonsOfNanFollowTheirNames) {
    const auto holds = [](const std::string& comparison, uint32_t a) {
        return value_of("setp." + comparison + ".f32 %p1, %r4, %r5;\nselp.b32 %r3, 1, 0, %p1;", a,
                        bits(1.0F));
    };
    for (const char* ordered : {"eq", "ne", "lt", "le", "gt", "ge"})
        EXPECT_EQ(holds(ordered, 0x7FC00000), 0U) << ordered;
    for (const char* unordered : {"equ", "neu", "ltu", "leu", "gtu", "geu"})
        EXPECT_EQ(holds(unordered, 0x7FC00000), 1U) << unordered;
    EXPECT_EQ(holds("ne", bits(2.0F)), 1U);
    EXPECT_EQ(holds("leu", bits(2.0F)), 0U);
}

TEST(Operations, IntegersWrapAndShiftsClamp) {
    EXPECT_EQ(value_of("add.s32 %r3, %r4, %r5;", 0x7FFFFFFF, 1), 0x80000000U);
    EXPECT_EQ(value_of("mul.hi.u32 %r3, %r4, %r5;", 0x80000000, 6), 3U);
    EXPECT_EQ(value_of("shl.b32 %r3, %r4, %r5;", 1, 32), 0U);
    EXPECT_EQ(value_of("shr.s32 %r3, %r4, %r5;", 0x80000000, 40), 0xFFFFFFFFU);
    EXPECT_EQ(value_of("shf.l.wrap.b32 %r3, %r4, %r5, %r6;", 0x80000001, 2, 33), 5U);
    EXPECT_EQ(value_of("prmt.b32 %r3, %r4, %r5, %r6;", 0x44332211, 0x88776655, 0xF410),
              0xFF552211U);
    EXPECT_EQ(value_of("bfi.b32 %r3, %r4, %r5, 8, 4;", 0xFF, 0, 0), 0xF00U);
    EXPECT_EQ(value_of("rem.s32 %r3, %r4, %r5;", 0xFFFFFFF9, 4), 0xFFFFFFFDU);
}

TEST(Blocks, LanesThatPartMeetAgain) {
    // Lane i goes i times round a loop; then all shuffle with their neighbours.
    const Outcome result = run(R"(mov.u32 %r3, 0;
$loop:
setp.ge.u32 %p1, %r3, %r1;
@%p1 bra $out;
add.u32 %r3, %r3, 1;
bra $loop;
$out:
shfl.sync.bfly.b32 %r4|%p2, %r3, 1, 31, -1;
st.global.u32 [%rd4], %r4;)");
    EXPECT_EQ(result.error, "");
    for (uint32_t i = 0; i < 64; ++i) EXPECT_EQ(result.out[i], i ^ 1U);
}

TEST(Blocks, ABarrierLetsOthersSee) {
    const std::string store =
        "mov.u32 %r3, tile;\nshl.b32 %r4, %r1, 2;\nadd.s32 %r5, %r3, %r4;\n"
        "st.shared.u32 [%r5], %r1;\n";
    const std::string load =
        "xor.b32 %r6, %r1, 63;\nshl.b32 %r6, %r6, 2;\nadd.s32 %r7, %r3, %r6;\n"
        "ld.shared.u32 %r8, [%r7];\nst.global.u32 [%rd4], %r8;";
    const Outcome good = run(store + "bar.sync 0;\n" + load);
    EXPECT_EQ(good.error, "");
    for (uint32_t i = 0; i < 64; ++i) EXPECT_EQ(good.out[i], 63 - i);
    EXPECT_NE(run(store + load).error, "");
}

TEST(Blocks, AWarpsBarrierOrdersItsLanes) {
    // Each lane reads its neighbour's word: within a warp, then across warps.
    const auto neighbour = [](int distance) {
        return "st.global.u32 [%rd4], %r1;\nbar.warp.sync -1;\nxor.b32 %r3, %r1, " +
               std::to_string(distance) + ";\nmul.wide.u32 %rd5, %r3, 4;\n" +
               "add.s64 %rd6, %rd2, %rd5;\nld.global.u32 %r4, [%rd6];\n" +
               "bar.warp.sync -1;\nst.global.u32 [%rd4], %r4;";
    };
    const Outcome good = run(neighbour(1));
    EXPECT_EQ(good.error, "");
    for (uint32_t i = 0; i < 64; ++i) EXPECT_EQ(good.out[i], i ^ 1U);
    EXPECT_NE(run(neighbour(32)).error, "");
}

TEST(Blocks, AtomicsOfManyBlocksAdd) {
    const Outcome result = run("atom.global.add.u32 %r3, [%rd2], 1;", 5);
    EXPECT_EQ(result.error, "");
    EXPECT_EQ(result.out[0], 7U + 5 * 64);
}

TEST(Blocks, CountsWhatIsMoved) {
    const Outcome together = run("ld.global.u32 %r3, [%rd4];");
    EXPECT_EQ(together.counters.bytes, 256U);
    EXPECT_EQ(together.counters.sectors, 8U);
    const Outcome apart =
        run("mul.wide.u32 %rd5, %r1, 12;\nadd.s64 %rd6, %rd2, %rd5;\n"
            "ld.global.u32 %r3, [%rd6];");
    EXPECT_EQ(apart.counters.sectors, 24U);
}

struct Mistake {
    const char* found;
    const char* body;
    uint32_t blocks = 1;
};
TEST(Mistakes, AreFound) {
    const Mistake mistakes[] = {
        {"two threads write one word", "st.global.u32 [%rd2], %r1;"},
        {"two threads write one word", "st.global.u32 [%rd4], %r1;", 2},
        {"another thread wrote what is read",
         "st.global.u32 [%rd4], %r1;\nld.global.u32 %r3, [%rd2];"},
        {"another thread read what is written",
         "ld.global.u32 %r3, [%rd2+4];\nst.global.u32 [%rd4], %r1;"},
        {"another thread read what is written",
         "ld.global.u32 %r3, [%rd2];\natom.global.add.u32 %r4, [%rd2], 1;"},
        {"another thread wrote what is read",
         "atom.global.add.u32 %r4, [%rd2], 1;\nld.global.u32 %r3, [%rd2];"},
        {"a race", "atom.global.add.u32 %r4, [%rd2], 1;\nbar.sync 0;\nld.global.u32 %r3, [%rd2];",
         2},
        {"a barrier of some lanes only", "bar.warp.sync 255;"},
        {"parts of a warp", "shfl.sync.bfly.b32 %r4|%p2, %r1, 1, 15, -1;"},
        {"outside of what is allocated", "st.global.u32 [%rd4+1000], %r1;"},
        {"outside of what is allocated", "ld.global.u32 %r3, [%rd4+-4];"},
        {"not aligned", "ld.global.u32 %r3, [%rd4+2];"},
        {"nothing wrote", "mov.u32 %r3, tile;\nld.shared.u32 %r4, [%r3];"},
        {"shared memory", "mov.u32 %r3, tile;\nst.shared.u32 [%r3+256], %r1;"},
        {"others passed by", "setp.lt.u32 %p1, %r1, 32;\n@%p1 bra $away;\nbar.sync 0;\n$away:"},
        {"different barriers",
         "and.b32 %r3, %r1, 1;\nsetp.eq.u32 %p1, %r3, 0;\n@%p1 bra $even;\n"
         "bar.sync 0;\nret;\n$even:\nbar.sync 0;"},
        {"lanes that do not come",
         "setp.eq.u32 %p1, %r1, 5;\n@%p1 bra $away;\n"
         "shfl.sync.bfly.b32 %r4|%p2, %r3, 1, 31, -1;\n$away:"},
        {"divided by zero", "div.u32 %r3, %r1, %r2;"},
        {"unknown instruction fma.rn.f32", "fma.rn.f32 %r3, %r4, %r5, %r6;"},
        {"unknown register", "add.s32 %r3, %r99, 1;"},
        {"no label", "bra $nowhere;"},
    };
    for (const Mistake& each : mistakes) {
        const Outcome result = run(each.body, each.blocks);
        EXPECT_TRUE(result.error.find(each.found) != std::string::npos)
            << each.body << ": " << result.error;
        EXPECT_TRUE(result.error.find("line") != std::string::npos ||
                    result.error.find("passed by") != std::string::npos ||
                    result.error.find("do not come") != std::string::npos)
            << result.error;
    }
}

}  // namespace
}  // namespace assay::gpu_emulator
