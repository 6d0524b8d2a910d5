import Foundation

extension TreeEnsemble {
    static func logit(_ probability: Double) -> Float { Float(log(probability / (1 - probability))) }

    static func sigmoid(_ margin: Float) -> Double { Double(1 / (1 + expf(-margin))) }
}
