// Why a part is suspicious: the patch where its map peaks beside the nearest of other parts.
function matchCard(match, isOwn, open) {
  const card = create(isOwn ? "div" : "button", isOwn ? "match own" : "match");
  const crop = create("div", "crop");
  const picture = create("img");
  picture.src = pictureUrl(match.image);
  picture.alt = "";
  const ring = create("div", "ring");
  ring.style.left = `${100 * match.mark[0]}%`;
  ring.style.top = `${100 * match.mark[1]}%`;
  crop.append(picture, ring);
  const name = create("span");
  name.append(create("bdi", "", isOwn ? "This part" : partOf.get(match.part).name));
  const text = isOwn ? "peak of its map" : `distance ${match.distance.toFixed(3)}`;
  card.append(crop, name, create("span", "muted", text));
  if (!isOwn) {
    card.type = "button";
    card.title = "Open this part";
    card.addEventListener("click", () => open(match.part));
  }
  return card;
}

const MODALITY_NAMES = { "2d": ["images (2D)", "shapes"], "3d": ["shapes (3D)", "images"] };

function comparedBy(modality, hasBoth) {
  const [own, other] = MODALITY_NAMES[modality];
  return hasBoth ? `by their ${own}, which add more to the peak than ${other}` : `by their ${own}`;
}

function showMatches({ matches, shares }, open) {
  element("why").hidden = matches.length < 2;
  const cards = matches.map((match, place) => matchCard(match, place === 0, open));
  element("matches").replaceChildren(...cards);
  if (matches.length === 0) return;
  element("why-modality").textContent = comparedBy(matches[0].modality, shares.length > 0);
}
