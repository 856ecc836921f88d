"""A pre-norm transformer layer, as the SL-module, A2Summ and iPTNet stack it.

Shapes: B videos, N steps, C width.
"""

from __future__ import annotations

from torch import Tensor, nn

from summdiff.research.networks.attention import Attention


class TransformerLayer(nn.Module):
    """Attention and a perceptron, each with a layer norm before it and a residual around it.

    Args:
        width: C.
        heads: of the attention.
        feed_forward: width of the perceptron's hidden layer.
        activation: in the perceptron.
        dropout: after attention and after each layer of the perceptron, in training.
        attention_dropout: of the attention's weights, in training.
        scale: of the attention; None for 1 / sqrt(C / heads).
        bias: whether queries, keys and values have one.
        eps: of the layer norms.
    """

    def __init__(
        self,
        width: int,
        *,
        heads: int,
        feed_forward: int,
        activation: nn.Module,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        scale: float | None = None,
        bias: bool = False,
        eps: float = 1e-5,
    ) -> None:
        """Build it with the framework's random weights."""
        super().__init__()
        self.attention_norm = nn.LayerNorm(width, eps=eps)
        self.attention = Attention(width, heads=heads, scale=scale, bias=bias, out_bias=True, dropout=attention_dropout)
        self.dropout = nn.Dropout(dropout)
        self.mlp = nn.Sequential(
            nn.LayerNorm(width, eps=eps),
            nn.Linear(width, feed_forward),
            activation,
            nn.Dropout(dropout),
            nn.Linear(feed_forward, width),
            nn.Dropout(dropout),
        )

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """X (B, N, C) in the context of the video; a mask of None takes padding for steps."""
        x = x + self.dropout(self.attention(self.attention_norm(x), mask))
        y: Tensor = x + self.mlp(x)
        return y
