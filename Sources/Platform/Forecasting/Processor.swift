import CCompute
import CLapack
import Foundation

/// The vector instructions of the processor, and what computations have to set because of them.
package enum Processor {
    /// 0, 2 (AVX2) or 512 (AVX-512).
    static let vectorLevel = compute_vector_level()

    /// The number of processors that the process may run on: those of its affinity mask.
    package static let count = max(1, Int(compute_processors()))

    /// Runs `body` with denormal numbers treated as zero on this thread: in training the moments of a unit that is
    /// never active decay to denormals, with which every operation takes a hundred times as long.
    package static func flushingDenormals<Result>(_ body: () throws -> Result) rethrows -> Result {
        let mode = compute_flush_denormals()
        defer { compute_restore_mode(mode) }
        return try body()
    }

    /// Re-executes the program, once, where OpenBLAS does not know the processor and would compute with its slowest
    /// kernels: `OPENBLAS_CORETYPE`, which it reads when it is loaded, then names kernels for the processor's
    /// instructions. Does nothing where the variable is set, or OpenBLAS knows the processor.
    package static func selectKernels() {
        guard getenv(kernelVariable) == nil, let name = openblas_get_corename(),
            let kernels = kernels(for: String(cString: name), vectorLevel: vectorLevel)
        else { return }
        setenv(kernelVariable, kernels, 1)
        // Returns only where it fails; the program then goes on with the slow kernels.
        execv("/proc/self/exe", CommandLine.unsafeArgv)
    }

    /// The value of `OPENBLAS_CORETYPE` for a processor that OpenBLAS takes for `name`; nil where its choice is right.
    package static func kernels(for name: String, vectorLevel: Int32) -> String? {
        guard name == "Prescott", vectorLevel > 0 else { return nil }
        return vectorLevel >= 512 ? "SkylakeX" : "Haswell"
    }

    private static let kernelVariable = "OPENBLAS_CORETYPE"
}
