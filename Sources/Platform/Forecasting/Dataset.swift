package import Foundation

/// Generated datasets, opened for training and evaluation: memory-mapped arrays, scaled on access.
package final class Dataset: Sendable {
    /// The manifest of the datasets: columns, counts, scalers.
    package let manifest: DatasetManifest
    private let inputArray: NumPyFile.Reader
    private let outputArray: NumPyFile.Reader
    private let referenceArray: NumPyFile.Reader
    private let parts: DatasetSplit.Parts

    /// Opens a folder written by `DatasetGenerator`. Throws `DatasetFault.damaged` where its files contradict each
    /// other, `FileFault` for I/O errors.
    package init(_ folder: URL) throws {
        let files = DatasetFiles(folder)
        let damaged = DatasetFault(.damaged, "The datasets do not agree with their manifest. Generate them again.")
        let mapped = try MappedFile(files.manifest)
        guard let manifest = try? JSONDecoder().decode(DatasetManifest.self, from: Data(mapped.bytes)) else {
            throw damaged
        }
        self.manifest = manifest
        inputArray = try NumPyFile.Reader(files.inputs, element: .double, dimensions: 3)
        outputArray = try NumPyFile.Reader(files.outputs, element: .double, dimensions: 3)
        referenceArray = try NumPyFile.Reader(files.references, element: .integer, dimensions: 1)
        guard inputArray.shape == manifest.inputShape, outputArray.shape == manifest.outputShape,
            referenceArray.shape == [manifest.count],
            manifest.inputScaler.columns.count == manifest.inputColumns.count,
            manifest.outputScaler.columns.count == manifest.outputColumns.count,
            manifest.persistence.count == manifest.outputColumns.count,
            manifest.persistence.allSatisfy({ $0.map(manifest.inputColumns.indices.contains) ?? true })
        else { throw damaged }
        let references = referenceArray
        parts = try manifest.split.requested.parts(
            manifest.count, span: manifest.split.windowSpan, outputSpan: manifest.split.outputSpan
        ) {
            references.integers(row: $0)[0]
        }
        guard parts.train.count == manifest.split.train, parts.validation.count == manifest.split.validation,
            parts.test.count == manifest.split.test
        else { throw damaged }
    }

    /// The shape of a model that is trained on these datasets.
    package var shape: ForecastShape {
        ForecastShape(
            inputSteps: manifest.inputSteps,
            inputFeatures: manifest.inputColumns.count,
            outputSteps: manifest.outputSteps,
            outputFeatures: manifest.outputColumns.count
        )
    }

    /// The rows of a part, in ascending order of time.
    package func rows(of part: DatasetSplit.Part) -> [Int32] { parts[part] }

    /// The row with a reference time; nil where there is none.
    package func row(at reference: Int64) -> Int? {
        var low = 0
        var high = manifest.count
        while low < high {
            let middle = (low + high) / 2
            if self.reference(middle) < reference { low = middle + 1 } else { high = middle }
        }
        return low < manifest.count && self.reference(low) == reference ? low : nil
    }

    /// The reference time of a row, in microseconds since 1970.
    package func reference(_ row: Int) -> Int64 { referenceArray.integers(row: row)[0] }

    /// The unscaled inputs of a row, I_N × F.
    package func inputs(_ row: Int) -> [Double] { Array(inputArray.doubles(row: row)) }

    /// The unscaled outputs of a row, O_N × G.
    package func outputs(_ row: Int) -> [Double] { Array(outputArray.doubles(row: row)) }

    /// Rows of inputs, scaled.
    package func scaledInputs(_ rows: some Collection<Int32>) -> [Double] {
        scaled(rows, of: inputArray, by: manifest.inputScaler)
    }

    /// Rows of outputs, scaled.
    package func scaledOutputs(_ rows: some Collection<Int32>) -> [Double] {
        scaled(rows, of: outputArray, by: manifest.outputScaler)
    }

    /// The outputs of rows and their forecasts, both in original units, O_N × G a row.
    package func forecasts(by forecaster: any Forecaster, rows: some Collection<Int32>) throws -> (
        truth: [Double], forecast: [Double]
    ) {
        var forecast = try forecaster.predict(scaledInputs(rows))
        manifest.outputScaler.inverse(&forecast)
        return (gathered(rows, of: outputArray), forecast)
    }

    /// Releases the memory of rows that a sequential scan has passed.
    func release(rows: Range<Int>) {
        inputArray.release(rows: rows)
        outputArray.release(rows: rows)
    }

    private func scaled(_ rows: some Collection<Int32>, of array: NumPyFile.Reader, by scaler: Scaler) -> [Double] {
        var values = gathered(rows, of: array)
        scaler.transform(&values)
        return values
    }

    private func gathered(_ rows: some Collection<Int32>, of array: NumPyFile.Reader) -> [Double] {
        let width = array.rowCount
        return [Double](unsafeUninitializedCapacity: rows.count * width) { buffer, count in
            for row in rows {
                guard let target = buffer.baseAddress, let source = array.doubles(row: Int(row)).baseAddress else {
                    break
                }
                (target + count).update(from: source, count: width)
                count += width
            }
        }
    }
}
