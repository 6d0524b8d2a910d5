package import Foundation

/// Writes a series file sample by sample; the file gets its name when it is finished.
package final class SeriesWriter {
    private let output: OutputFile
    /// The number of appended samples.
    private(set) package var count = 0

    /// Throws `FileFault` for I/O errors, as all methods here do.
    package init(_ url: URL) throws(FileFault) {
        output = try OutputFile(url)
    }

    /// Appends a sample. Timestamps must ascend, unless `sort` is called before `finish`.
    package func append(stamp: Int64, value: Double) throws(FileFault) {
        try output.append(UInt64(bitPattern: stamp), value.bitPattern)
        count += 1
    }

    /// Renames the file to its final name. An unfinished file is deleted.
    package func finish() throws(FileFault) {
        try output.finish()
    }

    /// Sorts the samples and keeps the first of those with equal timestamps.
    ///
    /// Returns the number of removed samples, and how many of them have another value than the kept one.
    func sort() throws -> (removed: Int, conflicting: Int) {
        var kept = 0
        var conflicting = 0
        try output.rewrite { bytes in
            var samples = bytes.bindMemory(to: Sample.self)
            // The sort of the standard library is stable, so the first of equal timestamps stays first.
            samples.sort { $0.stamp < $1.stamp }
            for index in samples.indices {
                if kept > 0, samples[index].stamp == samples[kept - 1].stamp {
                    if samples[index].value != samples[kept - 1].value { conflicting += 1 }
                } else {
                    samples[kept] = samples[index]
                    kept += 1
                }
            }
            return kept * Series.bytesPerSample
        }
        let removed = count - kept
        count = kept
        return (removed, conflicting)
    }

    private struct Sample: BitwiseCopyable {
        var stamp: Int64
        var value: Double
    }
}
