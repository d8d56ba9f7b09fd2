// Why a part is suspicious: its worst patch beside the nearest patches of other parts.
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
  const text = isOwn ? "worst patch" : `distance ${shortNumber(match.distance)}`;
  card.append(crop, name, create("span", "muted", text));
  if (!isOwn) {
    card.type = "button";
    card.title = "Open this part";
    card.addEventListener("click", () => open(match.part));
  }
  return card;
}

function showMatches(matches, open) {
  element("why").hidden = matches.length < 2;
  const cards = matches.map((match, place) => matchCard(match, place === 0, open));
  element("matches").replaceChildren(...cards);
}
