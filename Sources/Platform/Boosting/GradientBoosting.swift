import CXGBoost

/// Trains gradient-boosted trees for a binary label with XGBoost's histogram method. It occupies its thread, and
/// with `threads` others, for seconds to minutes: call it from a program or a job, not from a handler.
package enum GradientBoosting {
    /// - Parameters:
    ///   - rows: row-major; a value that is not a number is missing.
    ///   - columns: features of a row, 1 or more.
    ///   - labels: 0 or 1, one for each row; both occur.
    ///   - threads: 1 or more. Equal inputs give equal trees with one thread.
    ///   - checkCancellation: called before every tree; its error ends the training.
    /// - Returns: the model in XGBoost's JSON, which ``TreeEnsemble`` reads.
    /// - Throws: ``BoostingFault``, or the error of `checkCancellation`.
    package static func train(
        _ rows: [Float], columns: Int, labels: [Float], _ parameters: BoosterParameters, threads: Int = 1,
        checkCancellation: () throws -> Void = {}
    ) throws -> [UInt8] {
        try parameters.check()
        guard columns >= 1, !labels.isEmpty, rows.count == labels.count * columns else {
            throw BoostingFault("The number of values is not rows × columns.")
        }
        let positive = labels.count { $0 == 1 }
        guard labels.allSatisfy({ $0 == 0 || $0 == 1 }), positive > 0, positive < labels.count else {
            throw BoostingFault("The labels are 0 and 1, and both occur; \(positive) of \(labels.count) are 1.")
        }
        let booster = try Booster(Matrix(rows, columns: columns, labels: labels))
        let weight = Double(labels.count - positive) / Double(positive)
        for (name, value) in settings(parameters, weight: weight, threads: threads) { try booster.set(name, value) }
        for tree in 0..<parameters.trees {
            try checkCancellation()
            try booster.update(Int32(tree))
        }
        return try booster.json()
    }

    private static func settings(
        _ parameters: BoosterParameters, weight: Double, threads: Int
    ) -> [(String, String)] {
        [
            ("objective", "binary:logistic"), ("base_score", "0.5"), ("tree_method", "hist"), ("verbosity", "0"),
            ("nthread", "\(max(1, threads))"), ("seed", "\(parameters.seed)"), ("eta", "\(parameters.learningRate)"),
            ("max_depth", "\(parameters.depthMax)"), ("max_leaves", "\(parameters.leavesMax)"),
            ("grow_policy", parameters.leavesMax > 0 ? "lossguide" : "depthwise"),
            ("colsample_bytree", "\(parameters.featureFraction)"), ("subsample", "\(parameters.rowFraction)"),
            ("min_child_weight", "\(parameters.leafWeightMin)"), ("lambda", "\(parameters.l2)"),
            ("scale_pos_weight", "\(parameters.balancesClasses ? weight : 1)"),
        ]
    }
}

/// XGBoost's copy of the rows.
private final class Matrix {
    fileprivate let handle: DMatrixHandle

    init(_ rows: [Float], columns: Int, labels: [Float]) throws(BoostingFault) {
        var created: DMatrixHandle?
        try check(
            XGDMatrixCreateFromMat(rows, bst_ulong(labels.count), bst_ulong(columns), .nan, &created))
        guard let created else { throw BoostingFault("XGBoost made no matrix.") }
        handle = created
        try check(XGDMatrixSetFloatInfo(handle, "label", labels, bst_ulong(labels.count)))
    }

    deinit { XGDMatrixFree(handle) }
}

private final class Booster {
    private let handle: BoosterHandle
    private let matrix: Matrix

    init(_ matrix: Matrix) throws(BoostingFault) {
        self.matrix = matrix
        var created: BoosterHandle?
        try check(XGBoosterCreate([matrix.handle], 1, &created))
        guard let created else { throw BoostingFault("XGBoost made no booster.") }
        handle = created
    }

    deinit { XGBoosterFree(handle) }

    func set(_ name: String, _ value: String) throws(BoostingFault) {
        try check(XGBoosterSetParam(handle, name, value))
    }

    func update(_ iteration: Int32) throws(BoostingFault) {
        try check(XGBoosterUpdateOneIter(handle, iteration, matrix.handle))
    }

    func json() throws(BoostingFault) -> [UInt8] {
        var (length, bytes): (bst_ulong, UnsafePointer<CChar>?) = (0, nil)
        try check(XGBoosterSaveModelToBuffer(handle, #"{"format": "json"}"#, &length, &bytes))
        guard let bytes else { throw BoostingFault("XGBoost saved no model.") }
        return UnsafeRawBufferPointer(start: bytes, count: Int(length)).map { $0 }
    }
}

/// - Parameter status: of a function of XGBoost, whose message belongs to this thread.
private func check(_ status: Int32) throws(BoostingFault) {
    guard status != 0 else { return }
    let message = XGBGetLastError().map { String(cString: $0) } ?? ""
    throw BoostingFault("XGBoost failed: \(message.prefix { $0 != "\n" })")
}
