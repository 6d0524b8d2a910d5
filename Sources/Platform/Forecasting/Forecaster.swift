/// Computes forecasts: a trained model, or a baseline.
package protocol Forecaster: Sendable {
    var shape: ForecastShape { get }

    /// Maps rows of scaled inputs (n × I_N × F, flat, C order) to rows of scaled outputs (n × O_N × G).
    ///
    /// Throws `ModelFault.shapeMismatch` where the numbers are not whole rows.
    func predict(_ inputs: [Double]) throws(ModelFault) -> [Double]
}
