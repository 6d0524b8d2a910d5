import Foundation

/// An array in NumPy's `.npy` format: written row by row before its length is known, and memory-mapped for reading.
///
/// Supports the subset that the writer produces: version 1.0, C order, `<f8` or `<i8`.
/// https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
enum NumPyFile {
    enum Element: String {
        case double = "<f8"
        case integer = "<i8"
    }

    /// A header of fixed size fits any shape and keeps the numbers aligned.
    fileprivate static let headerBytes = 128
    fileprivate static let magic: [UInt8] = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0]

    /// Appends rows of 8-byte elements; `finish` writes the number of rows into the header.
    final class Writer {
        private let output: OutputFile
        private let element: Element
        private let rowShape: [Int]
        private(set) var rows = 0

        /// `rowShape` is the shape without its first dimension.
        init(_ url: URL, element: Element, rowShape: [Int]) throws {
            output = try OutputFile(url)
            self.element = element
            self.rowShape = rowShape
            try output.append(header(rows: 0))
        }

        func append(_ row: UnsafeRawBufferPointer) throws(FileFault) {
            try output.append(row)
            rows += 1
        }

        func finish() throws(FileFault) {
            try output.overwrite(header(rows: rows), at: 0)
            try output.finish()
        }

        private func header(rows: Int) -> Data {
            let shape = ([rows] + rowShape).map { "\($0)" }.joined(separator: ", ")
            let text = "{'descr': '\(element.rawValue)', 'fortran_order': False, 'shape': (\(shape),), }"
            let length = headerBytes - magic.count - 2
            var data = Data(magic)
            data.append(contentsOf: [UInt8(length & 0xff), UInt8(length >> 8)])
            data.append(Data(text.utf8))
            data.append(Data(repeating: UInt8(ascii: " "), count: headerBytes - data.count - 1))
            data.append(UInt8(ascii: "\n"))
            return data
        }
    }

    /// An array mapped into memory.
    final class Reader: Sendable {
        let shape: [Int]
        /// The number of elements of a row.
        let rowCount: Int
        private let file: MappedFile
        private let offset: Int

        /// Throws `DatasetFault.damaged` for anything but a complete array of this element and number of dimensions.
        init(_ url: URL, element: Element, dimensions: Int) throws {
            file = try MappedFile(url)
            let bytes = file.bytes
            let damaged = DatasetFault(
                .damaged,
                "\(url.lastPathComponent) is not a whole array of \(element.rawValue). Generate the datasets again.")
            guard bytes.count >= 10, bytes.prefix(8).elementsEqual(magic) else { throw damaged }
            offset = 10 + Int(bytes[8]) + Int(bytes[9]) << 8
            guard bytes.count >= offset, offset % 8 == 0 else { throw damaged }
            let header = String(decoding: bytes[10..<offset], as: UTF8.self)
            guard header.contains("'descr': '\(element.rawValue)'"), header.contains("'fortran_order': False"),
                let open = header.range(of: "'shape': ("), let close = header[open.upperBound...].firstIndex(of: ")")
            else { throw damaged }
            let numbers = header[open.upperBound..<close].split(separator: ",").map {
                $0.trimmingCharacters(in: .whitespaces)
            }.filter { !$0.isEmpty }
            shape = numbers.compactMap { Int($0) }
            guard shape.count == dimensions, shape.count == numbers.count, shape.allSatisfy({ $0 >= 0 }) else {
                throw damaged
            }
            var size = 8
            for dimension in shape {
                let (product, overflow) = size.multipliedReportingOverflow(by: dimension)
                guard !overflow else { throw damaged }
                size = product
            }
            guard bytes.count - offset == size else { throw damaged }
            rowCount = shape.dropFirst().reduce(1, *)
        }

        func doubles(row: Int) -> UnsafeBufferPointer<Double> { elements(row: row, as: Double.self) }
        func integers(row: Int) -> UnsafeBufferPointer<Int64> { elements(row: row, as: Int64.self) }

        /// Releases the pages of rows that a sequential scan has passed.
        func release(rows: Range<Int>) {
            let bytes = rowCount * 8
            file.release(offset + rows.lowerBound * bytes..<offset + rows.upperBound * bytes)
        }

        private func elements<T>(row: Int, as type: T.Type) -> UnsafeBufferPointer<T> {
            precondition(row >= 0 && row < shape[0], "An array has rows 0 to its first dimension - 1.")
            guard let start = file.bytes.baseAddress else { return UnsafeBufferPointer(start: nil, count: 0) }
            return UnsafeBufferPointer(
                start: (start + offset + row * rowCount * 8).assumingMemoryBound(to: type), count: rowCount)
        }
    }
}
