# CUDA without CMake's own language support, so that the toolkit's PyPI wheels serve as well as an
# installed toolkit: finds nvcc and compiles one file by a command.
#   ASSAY_CUDA=AUTO   use an nvcc that is found (default)     ON   insist     OFF   do without
# Result: assay_cuda_object (a .o, or empty), assay_cuda_include, assay_cuda_libraries.
set(ASSAY_CUDA AUTO CACHE STRING "AUTO, ON or OFF")
set(assay_cuda_object "")
if(ASSAY_CUDA STREQUAL "OFF" OR ASSAY_SANITIZE)
    return()
endif()
file(GLOB assay_wheels ${CMAKE_SOURCE_DIR}/build/cuda-venv/lib/python3*/site-packages/nvidia/cu*)
find_program(ASSAY_NVCC nvcc HINTS $ENV{CUDA_HOME}/bin /usr/local/cuda/bin)
if(NOT ASSAY_NVCC AND assay_wheels)
    find_program(ASSAY_NVCC nvcc HINTS ${assay_wheels} PATH_SUFFIXES bin NO_DEFAULT_PATH)
endif()
if(NOT ASSAY_NVCC)
    if(ASSAY_CUDA STREQUAL "ON")
        message(FATAL_ERROR "no nvcc found. Remedy: tools/deps --cuda, or put nvcc on the PATH")
    endif()
    message(STATUS "CUDA: no nvcc found; the cuda backend is left out (tools/deps --cuda)")
    return()
endif()
get_filename_component(assay_toolkit ${ASSAY_NVCC} REALPATH)
get_filename_component(assay_toolkit ${assay_toolkit}/../.. ABSOLUTE)
find_path(assay_cuda_include cublasLt.h HINTS ${assay_toolkit}/include
    ${assay_toolkit}/targets/x86_64-linux/include NO_CACHE NO_DEFAULT_PATH)
find_library(assay_cudart libcudart_static.a HINTS ${assay_toolkit}/lib64 ${assay_toolkit}/lib
    ${assay_toolkit}/targets/x86_64-linux/lib NO_CACHE NO_DEFAULT_PATH)
if(NOT assay_cuda_include OR NOT assay_cudart)
    message(STATUS "CUDA: ${ASSAY_NVCC} comes without cublasLt.h or libcudart_static.a; left out")
    return()
endif()
get_filename_component(assay_cuda_libraries ${assay_cudart} DIRECTORY)
message(STATUS "CUDA: ${ASSAY_NVCC}")

# Unfused, correctly rounded binary32 without flushing: docs/arithmetic.md. tools/check_ptx reads these.
set(assay_cuda_flags -std=c++20 -O3 --fmad=false --prec-div=true --prec-sqrt=true --ftz=false
    --threads=0 -Xcompiler=-fPIC,-ffp-contract=off,-fno-math-errno,-Wall,-Wextra)
set(assay_cuda_targets "")
foreach(capability 75 80 86 89 90)
    list(APPEND assay_cuda_targets -gencode=arch=compute_${capability},code=sm_${capability})
endforeach()
list(APPEND assay_cuda_targets -gencode=arch=compute_90,code=compute_90)
set(assay_cuda_object ${CMAKE_BINARY_DIR}/compute/cuda.o)
set(assay_cuda_source ${CMAKE_SOURCE_DIR}/compute/cuda/cuda.cu)
add_custom_command(
    OUTPUT ${assay_cuda_object}
    COMMAND ${ASSAY_NVCC} ${assay_cuda_flags} ${assay_cuda_targets} -I${CMAKE_SOURCE_DIR}
        -I${assay_cuda_include} -MD -MF ${assay_cuda_object}.d -MT ${assay_cuda_object}
        -c ${assay_cuda_source} -o ${assay_cuda_object}
    DEPENDS ${assay_cuda_source}
    DEPFILE ${assay_cuda_object}.d
    COMMENT "Compiling CUDA kernels for sm_75 to sm_90 and PTX"
    VERBATIM)
# The kernels as text, for tools/check_ptx and tests/gpu_emulator.
set(assay_ptx ${CMAKE_BINARY_DIR}/compute/cuda.ptx)
add_custom_command(
    OUTPUT ${assay_ptx}
    COMMAND ${ASSAY_NVCC} ${assay_cuda_flags} -arch=compute_75 -I${CMAKE_SOURCE_DIR} -I${assay_cuda_include}
        -MD -MF ${assay_ptx}.d -MT ${assay_ptx} -ptx ${assay_cuda_source} -o ${assay_ptx}
    DEPENDS ${assay_cuda_source}
    DEPFILE ${assay_ptx}.d
    COMMENT "Compiling CUDA kernels to PTX"
    VERBATIM)
add_custom_target(assay_ptx ALL DEPENDS ${assay_ptx})
file(WRITE ${CMAKE_BINARY_DIR}/cuda_libraries "${assay_cudart}\n")
file(WRITE ${CMAKE_BINARY_DIR}/cuda_command
    "${ASSAY_NVCC};${assay_cuda_flags};-I${CMAKE_SOURCE_DIR};-I${assay_cuda_include}")
